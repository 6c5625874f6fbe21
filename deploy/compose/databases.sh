#!/bin/sh
# Makes Temporal's two databases with its own tool, or brings their schemas to the tool's version. Run again, it changes nothing.
set -eu
SQL_PASSWORD=$(cat /run/secrets/database-password)
export SQL_PASSWORD

for part in temporal visibility; do
	case $part in
	temporal) database=temporal ;;
	*) database=temporal_visibility ;;
	esac
	tool() { temporal-sql-tool --db "$database" "$@"; }
	update() { tool update-schema --schema-name "postgresql/v12/$part"; }
	if ! update; then
		echo "making the database $database"
		tool create
		tool setup-schema -v 0.0
		update
	fi
done
