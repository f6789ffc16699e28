#
# What the plugin writes for the connector configurations of test/compat, byte
# by byte against what the real Debezium wrote for the same changes.
#
use strict;
use warnings;

use Nova;
use Test::More;

my $node = new_node('primary');
my $compat = 'test/compat';

$node->safe_psql('postgres', "CREATE DATABASE compat ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0");
workload($node, 'compat', 0, qw(workload-schema.sql workload-types.sql workload-rows.sql));
$node->safe_psql('compat', q{SELECT pg_create_logical_replication_slot('truth', 'nova_decoder')});
workload($node, 'compat', 1000, qw(workload-types.sql workload-stream.sql));

open my $check, '-|', '/usr/bin/python3', "$compat/truth_check.py", $node->connstr('compat')
  or die "truth_check.py: $!";
my $tests = 0;
while (my $line = <$check>)
{
	chomp $line;
	if ($line =~ /^(not )?ok \d+ - (.*)/) { ok(!$1, $2); $tests++ }
	elsif ($line =~ /^#/) { diag($line =~ s/^# //r) }
	else { note($line) }
}
close $check;
cmp_ok($tests, '>', 20, 'configurations were compared');

$node->stop;
done_testing();
