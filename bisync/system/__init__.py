"""The console of the installation: pages for whoever runs it."""
