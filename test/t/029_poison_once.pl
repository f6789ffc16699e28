#
# Exactly once, and records that Kafka refuses: a refusal ends a transaction of Kafka,
# and all the same a reader with read_committed sees each good record once and in
# order, and each bad one once among the dead letters, whatever was killed.
#
use strict;
use warnings;

use E2E;
use JSON::PP ();
use Nova;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $prefix = topic_prefix();
my $state = "__nova-state.$prefix";
my $dlq = "$prefix.dead";
my $began = time;

sub lap { return note(sprintf '%3d s: %s', time - $began, $_[0]) }

make_fragile($node);
$node->safe_psql('postgres', q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE narrow (id int PRIMARY KEY, n int, v text);
	CREATE TABLE wide (id int PRIMARY KEY, v text);
	ALTER TABLE narrow ALTER v SET STORAGE EXTERNAL;
	ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
});
$kafka->create_topic("$prefix.public.narrow", 1, 'max.message.bytes=4000');
$kafka->create_topic("$prefix.public.$_", 1) for qw(wide brittle);
$kafka->create_topic("$prefix.compact", 1, 'cleanup.policy=compact');
$kafka->create_topic($dlq, 1);
$kafka->create_topic("$prefix.mid", 1, 'max.message.bytes=5500');
$kafka->create_topic("$prefix.tiny", 1, 'max.message.bytes=1500');

sub run_with
{
	my (%more) = @_;
	return start_relay('main', $node, $kafka,
		{
			'topic.prefix' => $prefix,
			'nova.delivery' => 'exactly-once',
			'nova.on.bad.record' => 'dlq',
			'nova.dlq.topic' => $dlq,
			'nova.state.topic' => $state,
			'transaction.boundary.interval.ms' => 20,
			'producer.override.transaction.timeout.ms' => 20000,
			'retriable.restart.connector.wait.ms' => 100,
			'slot.retry.delay.ms' => 50,
			%more
		}, '--log-level', 'debug');
}

sub change { return $node->safe_psql('postgres', $_[0]) }

# Numbers of the records of narrow from number $from on, in the order of the topic.
sub numbers
{
	my ($topic, $from) = @_;
	return grep { $_ >= $from } map { JSON::PP::decode_json($_->{value})->{n} // -1 }
	  grep { ($_->{value} // '') =~ /"n":/ } read_topic($kafka, $topic);
}

# Rows $from to $to of narrow, each a transaction or all of them one; every $bad-th is too large.
sub rows
{
	my ($from, $to, $bad, $each) = @_;
	my $commit = $each ? 'COMMIT;' : '';
	change(qq{
		DO \$\$ BEGIN
			FOR i IN $from..$to LOOP
				INSERT INTO narrow VALUES (i, i, repeat('x', CASE WHEN i % $bad = 0 THEN 6000 ELSE 300 END));
				$commit
			END LOOP;
		END \$\$});
	return ([ grep { $_ % $bad } $from .. $to ], [ grep { $_ % $bad == 0 } $from .. $to ]);
}

sub letters
{
	my ($topic) = @_;
	return map { my %h = map { @$_ } @{ $_->{headers} }; +{ %$_, h => \%h } } read_topic($kafka, $topic);
}

# The broker refuses batches: those at fault are found in them.  What the relay itself
# refuses is part of the transaction.
my $relay = run_with('producer.override.max.request.size' => 100000);
$relay->wait_for_line(qr/streaming from slot/);
my ($good, $bad) = rows(1, 60, 30);
change(qq{
	INSERT INTO wide VALUES (1, 'first'), (2, repeat('w', 150000)), (3, repeat(E'\\u00e9', 1500000)), (4, 'last');
	SELECT nova.publish('$prefix.compact', NULL, 'value', '{"h": "1"}');
	INSERT INTO wide VALUES (5, 'behind');
});
wait_confirmed($node, 'nova_main');
like($relay->log_text, qr/a batch of \d\d+ records for topic \Q$prefix\E\.public\.narrow \(from LSN \S+ on\) is refused: Broker: Message size too large; .*one by one/,
	'a batch is refused, and said');
like($relay->log_text, qr/a batch of 1 records for topic .* is refused: .* goes the way of nova.on.bad.record/, 'then a record');
is($relay->term, 0, 'it stops in order');
is_deeply([ numbers("$prefix.public.narrow", 1) ], $good, 'every good one of the batches once, in order');
is_deeply([ numbers($dlq, 1) ], $bad, 'and every bad one once among the letters');
is_deeply([ map { JSON::PP::decode_json($_->{key})->{id} } read_topic($kafka, "$prefix.public.wide") ], [ 1, 4, 5 ],
	'without those that are too large to be sent');
is_deeply([ sort map { "$_->{h}{'__nova.topic'} " . ($_->{key} // '-') } grep { $_->{h}{'__nova.topic'} !~ /narrow/ } letters($dlq) ],
	[ "$prefix.compact -", map { qq($prefix.public.wide {"id":$_}) } 2, 3 ], 'of each of which there is one letter');
my $n = @$bad + 3;
like($relay->log_text, qr/stopped: .* $n dead letters, 0 skipped/, 'the sum');
lap('batches');

# Killed, wherever that may be: while batches are searched, before and behind letters.
($good, $bad) = rows(1001, 1100, 25, 1);
for my $line (qr/the transaction is aborted/, qr/streaming from slot/, qr/the transaction is aborted/)
{
	$relay = run_with();
	$relay->wait_for_line($line);
	$relay->wait_for_line($line) if $line =~ /streaming/;
	$relay->kill9;
}
$relay = run_with();
wait_confirmed($node, 'nova_main');
is($relay->term, 0, 'killed: the last one stops in order');
is_deeply([ numbers("$prefix.public.narrow", 1001) ], $good, 'killed: every good one once, in order');
is_deeply([ numbers($dlq, 1001) ], $bad, 'killed: every bad one once among the letters');
lap('killed');

# A topic of dead letters that takes only pointers, and one that takes nothing.
($good, $bad) = rows(2001, 2010, 5);
$relay = run_with('nova.dlq.topic' => "$prefix.mid");
wait_confirmed($node, 'nova_main');
is($relay->term, 0, 'too small a topic');
is_deeply([ map { "$_->{key} $_->{h}{'__nova.value'}" } letters("$prefix.mid") ], [ map { qq({"id":$_} pointer) } @$bad ],
	'of what is too large for it, pointers');
rows(3001, 3003, 2);
$relay = run_with('nova.dlq.topic' => "$prefix.tiny");
relay_fails($relay, qr/stopping: a record of 6\d\d\d bytes for topic .*narrow .*and the dead-letter topic \Q$prefix\E\.tiny does not take it either: .*too large.*/,
	'a topic that refuses letters');
is_deeply([ numbers("$prefix.public.narrow", 3001) ], [], 'nothing of the transaction is there');
$relay = run_with('nova.on.bad.record' => 'skip');
wait_confirmed($node, 'nova_main');
is($relay->term, 0, 'skip: it goes on');
like($relay->log_text, qr/ 0 dead letters, 1 skipped records/, 'skip: and counts each once');
is_deeply([ numbers("$prefix.public.narrow", 2001) ], [ @$good, 3001, 3003 ], 'skip: what is good is there');
lap('letters');

# A change that cannot be decoded, in a transaction that is cut behind it.
my $rows = 60_000;
change(qq{
	BEGIN;
	INSERT INTO wide SELECT g, 'before' FROM generate_series(100, 199) g;
	INSERT INTO brittle VALUES (1, '0');
	INSERT INTO wide SELECT g, repeat('y', 60) FROM generate_series(200, $rows + 99) g;
	COMMIT});
for (1 .. 2)
{
	$relay = run_with('nova.transaction.bytes' => 65536);
	$relay->wait_for_line(qr/commit at LSN \S+ and [1-9]\d\d\d+ records/) for 1 .. 3;
	$relay->kill9;
}
$relay = run_with();
wait_confirmed($node, 'nova_main');
like($relay->log_text, qr/Kafka has everything up to LSN \S+ and \d+ records of the transaction/, 'killed within a transaction');
is($relay->term, 0, 'it stops in order');
my @ids = grep { $_ >= 100 } map { /"id":(\d+)/ } kcat($kafka, "$prefix.public.wide", "%k\n");
is(scalar @ids, $rows, 'each of its rows is there once');
is_deeply(\@ids, [ 100 .. $rows + 99 ], 'and in order');
is(scalar(grep { $_->{h}{'__nova.table'} eq 'public.brittle' } letters($dlq)), 1, 'one letter is about the change that cannot be decoded');
lap('not decoded');

done_testing();
