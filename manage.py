#!/usr/bin/env python
"""Django's command line for Bisync."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bisync.settings")
    sys.stdout.reconfigure(line_buffering=True)  # each step is told when it begins, in a file or a pipe too
    execute_from_command_line(sys.argv)
