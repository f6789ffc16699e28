#
# Prepared transactions on their way into Kafka: nothing of one before COMMIT PREPARED, whatever
# is killed and started in between; all of it then, and of one that is rolled back nothing.
#
use strict;
use warnings;

use E2E;
use Nova;
use Test::More;

my $node = new_node('primary', conf => "max_prepared_transactions = 5\nlogical_decoding_work_mem = 64kB\n");
my $kafka = kafka_start();

sub sql { return $node->safe_psql('postgres', join ' ', @_) }

# It is larger than the memory for decoding.
sub prepare
{
	my ($name, $from) = @_;
	return sql("BEGIN; INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series($from, $from + 1999) i; PREPARE TRANSACTION '$name'");
}

sql('CREATE EXTENSION nova_decoder; CREATE TABLE t (id int PRIMARY KEY, v text)');
for my $road ('replication', 'direct')
{
	my $prefix = topic_prefix();
	my $slot = "nova_$road";
	my $relay = sub {
		my $started = start_relay($road, $node, $kafka, { 'topic.prefix' => $prefix, 'table.include.list' => 'public[.]t',
				'snapshot.mode' => 'no_data', 'nova.stream.mode' => $road, 'nova.position.interval.ms' => 50 });
		like($started->wait_for_line(qr/streaming from slot/), qr/by the $road road/, "$road: streaming");
		return $started;
	};
	# At least once: what was killed before it had confirmed comes again.
	my $ids = sub {
		my %seen = map { /"id":(\d+)/ ? ($1 => 1) : () } kcat($kafka, "$prefix.public.t", "%k\n");
		return join ' ', map { sprintf '%d-%d', $_->[0], $_->[-1] } runs(sort { $a <=> $b } keys %seen);
	};

	sql('TRUNCATE t');
	my $running = $relay->();
	prepare('kept', 1);
	prepare('dropped', 10001);
	sql(q{INSERT INTO t VALUES (20001, 'by itself')});
	wait_confirmed($node, $slot);
	is($ids->(), '20001-20001', "$road: nothing of what is only prepared");
	$running->kill9;
	$node->restart;
	$running = $relay->();
	sql(q{ROLLBACK PREPARED 'dropped'});
	sql(q{INSERT INTO t VALUES (20002, 'by itself')});
	wait_confirmed($node, $slot);
	is($ids->(), '20001-20002', "$road: nor after relay and server were started anew");
	sql(q{COMMIT PREPARED 'kept'});
	wait_confirmed($node, $slot);
	is($ids->(), '1-2000 20001-20002', "$road: all of what is committed, nothing of what is rolled back");
	is($running->term, 0, "$road: and it stops");
	sql("SELECT pg_drop_replication_slot('$slot')");
}

# Sorted numbers as stretches without a hole.
sub runs
{
	my @runs;
	for my $n (@_)
	{
		if (@runs && $runs[-1][-1] == $n - 1) { push @{ $runs[-1] }, $n }
		else { push @runs, [$n] }
	}
	return @runs;
}

done_testing();
