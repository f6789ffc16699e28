#!/bin/bash
#
# init-postgres.sh: what the image of Dockerfile.postgres does with a new cluster.
#
# The image's entry point runs it once, with the server up: allows the plugin
# where the server knows such a list, then runs init-postgres.sql.

set -eu

allow_plugin()
{
	postgres --describe-config | grep -q '^output_plugin_libraries' || return 0
	psql -X -v ON_ERROR_STOP=1 -U postgres -d "$POSTGRES_DB" \
		-c 'ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, nova_decoder'
}

allow_plugin
psql -X -v ON_ERROR_STOP=1 -U postgres -d "$POSTGRES_DB" -v relay_user="$RELAY_USER" \
	-v relay_password="$RELAY_PASSWORD" -f /usr/share/nova/init-postgres.sql
