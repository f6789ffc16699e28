#
# The tables in the pages are what the programs print.
#
use strict;
use warnings;

use Nova;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary');
my $tables = 'test/lib/docs-tables';
my $file = PostgreSQL::Test::Utils::tempdir('docs') . '/parts.json';

$node->safe_psql('postgres', 'CREATE EXTENSION nova_decoder');
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
is(system("'$tables' print > '$file'"), 0, 'the programs print their tables');
is(system($tables, 'check', $file), 0, 'the pages have them; else: make docs');

# The check must be able to fail.
my $page = slurp_file($file);
$page =~ s/batch\.bytes/batch.bites/ or die 'batch.bytes is not in the tables';
open my $out, '>', $file or die "$file: $!";
print $out $page;
close $out or die "$file: $!";
isnt(system("'$tables' check '$file' 2> /dev/null"), 0, 'a page that differs is found');

$node->stop;
done_testing();
