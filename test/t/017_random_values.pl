#
# Random values of every type, and those at the edges, come back from the JSON
# as they were stored, in both profiles and all modes.  A seed in NOVA_SEED
# replays a run.
#
use strict;
use warnings;

use Nova;
use Test::More;

my $node = new_node('primary');
$node->safe_psql('postgres', "CREATE DATABASE random ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0");
python_tap('test/lib/random_values.py', $node->connstr('random'), $ENV{NOVA_SEED} // ());
$node->stop;
done_testing();
