#!/bin/sh
# git asks this script, so that a password is neither an argument, nor in an address, nor in a file.
case "$1" in
  Username*) printf '%s\n' "$BISYNC_GIT_USERNAME" ;;
  *) printf '%s\n' "$BISYNC_GIT_PASSWORD" ;;
esac
