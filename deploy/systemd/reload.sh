#!/bin/sh
# After an installation or removal: systemd reads the units again, where it runs. Nothing is started or enabled.
set -e
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
