#
# Every type of pg_type, alone and within arrays, domains, composites, ranges and
# multiranges, in both profiles, against a reviewed list.
#
use strict;
use warnings;

use Nova;
use Test::More;

my $node = new_node('primary');
$node->safe_psql('postgres', "CREATE DATABASE every ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0");
python_tap('test/lib/every_type.py', $node->connstr('every'));
$node->stop;
done_testing();
