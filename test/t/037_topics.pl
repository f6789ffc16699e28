#
# Topics: made at the start and when records first name them, compared, changed
# only where that was asked for.  The brokers of the tests make missing topics
# with three partitions, so that other numbers come from the relay.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $json = JSON::PP->new->utf8;
my $prefix = topic_prefix();

sub sql { return $node->safe_psql('postgres', $_[0]) }

# topic => partitions, as a client that asks for all topics sees them.
sub partitions
{
	my (undef, @lines) = Nova::capture('kcat', '-b', $kafka->bootstrap, '-L', '-J');
	my $all = $json->decode(join '', @lines);
	return { map { $_->{topic} => scalar @{ $_->{partitions} } } grep { $_->{topic} =~ /\Q$prefix\E/ } @{ $all->{topics} } };
}

# The configs that are set for a topic, as confluent-kafka's admin client has them.
sub configs
{
	my ($topic) = @_;
	return { map { split /=/, $_, 2 } python('e2e_topic_configs.py', $kafka->bootstrap, $topic) };
}

sql(q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE users (id int PRIMARY KEY);
	CREATE TABLE posts (id int PRIMARY KEY);
	CREATE TABLE hidden (id int PRIMARY KEY)});

my %groups = (
	'topic.prefix' => $prefix,
	'table.include.list' => 'public[.](users|posts|late)',
	'heartbeat.interval.ms' => 100000,
	'transforms' => 'unwrap,route',
	'transforms.route.type' => 'org.apache.kafka.connect.transforms.RegexRouter',
	'transforms.route.regex' => '([^.]+)[.]([^.]+)[.]([^.]+)',
	'transforms.route.replacement' => '$1.$3',
	'nova.topics.extra' => "$prefix.events",
	'topic.creation.groups' => 'users,posts,events,late',
	'topic.creation.default.partitions' => 2,
	'topic.creation.default.replication.factor' => 1,
	'topic.creation.users.include' => "$prefix\\.users",
	'topic.creation.users.partitions' => 3,
	'topic.creation.users.cleanup.policy' => 'compact',
	'topic.creation.users.retention.ms' => 2592000000,
	'topic.creation.posts.include' => "$prefix\\.posts",
	'topic.creation.posts.partitions' => 10,
	'topic.creation.posts.cleanup.policy' => 'compact',
	'topic.creation.events.include' => ".*\\.events",
	'topic.creation.events.partitions' => 6,
	'topic.creation.events.compression.type' => 'lz4',
	'topic.creation.late.include' => "$prefix\\.late",
	'topic.creation.late.partitions' => 5);
my $path = write_config('topics', $node, $kafka, \%groups);
my ($status, $out, $err);

# Nothing is there; looking makes nothing.
($status, $out, $err) = run_relay('topics', $path);
is($status, 1, 'nothing is there: exit 1') or diag($err);
like($out, qr/^missing  \Q$prefix\E\.users: 3 partitions, replication factor 1, cleanup\.policy=compact, retention\.ms=2592000000 \(table public\.users\)$/m, 'a missing topic, as asked, and why');
like($out, qr/^missing  \Q$_\E: /m, "$_, too") for "$prefix.posts", "$prefix.events", "__debezium-heartbeat.$prefix", "__nova-state.$prefix";
unlike($out, qr/hidden/, 'but not that of a table that is not captured');
is_deeply(partitions(), {}, 'and none came into being');

# check says what a start would make, and what the brokers would refuse; it makes nothing either.
($status, $out, $err) = run_relay('check', $path);
is($status, 0, 'check: exit 0') or diag($out . $err);
like($out, qr/^ok    topic \Q$prefix\E\.users: will be made: 3 partitions, replication factor 1, cleanup\.policy=compact, retention\.ms=2592000000 \(table public\.users\)$/m, 'check: a topic that would be made, and how');
like($out, qr/^ok    topic \Q$_\E: will be made: /m, "check: $_, too") for "$prefix.events", "__nova-state.$prefix";
($status, $out) = run_relay('check', $path, '--json');
my $checked = $json->decode($out);
is("$status $checked->{result} $checked->{failures}", '0 ok 0', 'check --json: no failure');
my ($asked) = grep { $_->{topic} eq "$prefix.posts" } @{ $checked->{topics} };
is_deeply([ @$asked{qw(result partitions group)}, $asked->{configs}, $asked->{will_be_made} ? 1 : 0 ], [ 'missing', 10, 'posts', { 'cleanup.policy' => 'compact' }, 1 ], 'check --json: the plan');
like((grep { $_->{what} eq "topic $prefix.posts" } @{ $checked->{findings} })[0]{detail}, qr/^will be made: 10 partitions/, 'and the finding');
($status, $out) = run_relay('check', write_config('off', $node, $kafka, { %groups, 'topic.creation.enable' => 'false' }));
like($out, qr/^warn  topic \Q$prefix\E\.users: does not exist; .*  → nova-relay topics --apply makes it/m, 'check: not enabled, not made');
for my $bad ([ 'topic.creation.users.retention.hours', 7, qr/^FAIL  topic \Q$prefix\E\.users: is missing, and the brokers would not make it: .*retention\.hours.*  → correct or remove topic\.creation\.users\.retention\.hours$/m ],
	[ 'topic.creation.default.replication.factor', 3, qr/^FAIL  topic \Q$prefix\E\.events: is missing, and the brokers would not make it: .*; lower topic\.creation\.\*\.replication\.factor/m ])
{
	($status, $out) = run_relay('check', write_config('bad', $node, $kafka, { %groups, $bad->[0] => $bad->[1] }));
	is($status, 1, "check: $bad->[0]=$bad->[1]: exit 1");
	like($out, $bad->[2], 'and what to correct');
}
for my $bad ([ 'topic.creation.users.partitions', 0 ], [ 'topic.creation.users.cleanup.policy', 'shrink' ], [ 'topic.creation.users.include', '(' ],
	[ 'topic.creation.nobody.partitions', 1 ], [ 'topic.creation.users.retention.ms', 'a week' ])
{
	($status, $out, $err) = run_relay('check', write_config('bad', $node, $kafka, { %groups, $bad->[0] => $bad->[1] }));
	is("$status $out", '2 ', "check: $bad->[0]=$bad->[1]: exit 2");
	like($err, qr/\Q$bad->[0]\E: /, 'with the key');
}
is_deeply(partitions(), {}, 'check made no topic');

# The relay makes them before it streams, and later ones before their first record.
my $relay = start_relay_with('topics', $path);
$relay->wait_for_line(qr/streaming from slot/);
like($relay->log_text, qr/info: made the topic \Q$prefix\E\.users \(table public\.users\): 3 partitions, .*info: streaming/s, 'a line for each, before the stream');
# Brokers know of a topic a moment after they have made it.
my $made;
wait_until('they are known', sub { ($made = partitions())->{"$prefix.$_"} || return 0 for qw(users posts events); 1 });
is_deeply([ @$made{ map { "$prefix.$_" } qw(users posts events) } ], [ 3, 10, 6 ], 'with their partitions');
is($made->{"__debezium-heartbeat.$prefix"}, 2, 'the relay\'s own, too');
is_deeply(configs("$prefix.users"), { 'cleanup.policy' => 'compact', 'retention.ms' => 2592000000 }, 'and configs');
is(configs("$prefix.events")->{'compression.type'}, 'lz4', 'an extra topic has those of its group');
# The topic of its state the relay makes when it has something to remember.
sql('INSERT INTO users VALUES (1)');
wait_confirmed($node, 'nova_topics');
($status, $out) = run_relay('topics', $path);
is("$status\n$out", "0\n" . join('', map { "$_\n" } grep { /^equal/ } split /\n/, $out), 'all are equal: exit 0');

sql(q{
	CREATE TABLE late (id int PRIMARY KEY);
	INSERT INTO late SELECT generate_series(1, 100);
	INSERT INTO posts VALUES (1)});
wait_confirmed($node, 'nova_topics');
is(partitions()->{"$prefix.late"}, 5, 'a table that came later: its topic was made as its group says');
is(scalar(read_topic($kafka, "$prefix.late", min_count => 100)), 100, 'and has the records');
like($relay->log_text, qr/info: made the topic \Q$prefix\E\.late \(named by records\): 5 partitions/, 'with a line');
is($relay->term, 0, 'the relay stops in order');
unlike($relay->log_text, qr/ (?:warn|error): topic/, 'nothing was wrong');

# Other wishes: told at the start, but changed by nobody.
my $other = write_config('topics', $node, $kafka, { %groups, 'topic.creation.users.partitions' => 4,
	'topic.creation.users.cleanup.policy' => 'delete,compact', 'topic.creation.posts.partitions' => 8,
	'topic.creation.users.segment.ms' => 3600000 });
$relay = start_relay_with('topics', $other);
$relay->wait_for_line(qr/streaming from slot/);
my @warnings = $relay->log_text =~ /warn: (topic .*)/g;
is(scalar @warnings, 2, 'a line for each topic that differs') or diag(join "\n", @warnings);
like("@warnings", qr/\Q$prefix\E\.users \(table public\.users\): partitions are 3, asked are 4; cleanup\.policy is compact, asked is delete,compact; segment\.ms is .*; it stays as it is/, 'with all that differs');
sql('INSERT INTO users VALUES (2)');
wait_confirmed($node, 'nova_topics');
is($relay->term, 0, 'it streams and stops in order');
is(partitions()->{"$prefix.users"}, 3, 'and nothing was changed');

($status, $out) = run_relay('topics', $other, '--json');
is($status, 1, 'different: exit 1');
my $report = $json->decode($out);
my ($users) = grep { $_->{topic} eq "$prefix.users" } @{ $report->{topics} };
is($report->{result}, 'different', '--json: the result');
is_deeply([ @$users{qw(result group partitions reason)} ], [ 'differs', 'users', 4, 'table public.users' ], 'of a topic');
is_deeply($users->{differences}, [ 'partitions are 3, asked are 4', 'cleanup.policy is compact, asked is delete,compact',
	'segment.ms is 604800000, asked is 3600000' ], 'and what differs');

($status, $out) = run_relay('check', $other);
like($out, qr/^warn  topic \Q$prefix\E\.users: partitions are 3, asked are 4  → /m, 'check: what differs');
like($out, qr/^ok    topic \Q$prefix\E\.events: 6 partitions, as asked \(nova\.topics\.extra\)$/m, 'and what does not');

# --apply sets configs and keeps what somebody else has set; partitions only when told.
python('e2e_topic_configs.py', $kafka->bootstrap, "$prefix.users", 'max.message.bytes=2000000', 'retention.ms=2592000000', 'cleanup.policy=compact');
($status, $out, $err) = run_relay('topics', $other, '--apply');
is($status, 1, '--apply: partitions still differ') or diag($out . $err);
like($out, qr/^set      \Q$prefix\E\.users: cleanup\.policy is compact, asked is delete,compact$/m, 'it says what it did');
like($out, qr/partitions are 3, asked are 4  → nova-relay topics --apply --add-partitions .*order of a key's records/, 'and what that would do');
like($out, qr/^differs  \Q$prefix\E\.posts: .*\n +partitions are 10, asked are 8  → Kafka cannot take partitions away/m, 'and what nobody can');
is_deeply(configs("$prefix.users"), { 'cleanup.policy' => 'delete,compact', 'retention.ms' => 2592000000,
	'segment.ms' => 3600000, 'max.message.bytes' => 2000000 }, 'configs are set, others kept');
is(partitions()->{"$prefix.users"}, 3, 'no partition was added');

my $grown = write_config('topics', $node, $kafka, { %groups, 'topic.creation.users.partitions' => 4 });
($status, $out, $err) = run_relay('topics', $grown, '--apply', '--add-partitions');
is($status, 0, '--add-partitions: now all are equal') or diag($out . $err);
like($out, qr/^added    \Q$prefix\E\.users: partitions are 3, asked are 4; keys are spread anew/m, 'it says so');
is(partitions()->{"$prefix.users"}, 4, 'and there are more');

# What cannot be made stops nobody: the brokers make the topic, as ever.
my $second = topic_prefix();
my $bad = write_config('second', $node, $kafka, { 'topic.prefix' => $second, 'table.include.list' => 'public.users',
	'topic.creation.default.replication.factor' => 3, 'topic.creation.default.partitions' => 7 });
($status, $out, $err) = run_relay('topics', $bad, '--apply');
is($status, 1, 'too many replicas: exit 1');
like($err, qr/error: topic \Q$second\E\.public\.users: cannot be made: .*; lower topic\.creation\.\*\.replication\.factor \(REPLICATION_FACTOR\) or add brokers/, 'the line with the fix');
$relay = start_relay_with('second', $bad);
$relay->wait_for_line(qr/streaming from slot/);
like($relay->log_text, qr/warn: topic \Q$second\E\.public\.users \(table public\.users\): cannot be made: /, 'the relay warns');
sql('INSERT INTO users VALUES (3)');
wait_confirmed($node, 'nova_second');
is(scalar(read_topic($kafka, "$second.public.users", min_count => 1)), 1, 'and the records arrive');
is($relay->term, 0, 'it stops in order');

# Not enabled: no topic is looked at.
$relay = start_relay('off', $node, $kafka, { %groups, 'topic.creation.enable' => 'false', 'topic.creation.users.partitions' => 4,
	'topic.creation.posts.partitions' => 11 });
$relay->wait_for_line(qr/streaming from slot/);
is($relay->term, 0, 'not enabled: it streams');
unlike($relay->log_text, qr/made the topic|asked are/, 'and says nothing of topics');

# What cannot be compared.
($status, $out, $err) = run_relay('topics', write_config('nobody', $node, $kafka, { %groups, 'bootstrap.servers' => '127.0.0.1:1' }), '--timeout', '1');
is("$status $out", '2 ', 'no broker: exit 2');
like($err, qr/error: cannot compare: Kafka: .*; check bootstrap\.servers/, 'and why');
sql('DROP EXTENSION nova_decoder');
($status, $out, $err) = run_relay('topics', $path);
is("$status $out", '2 ', 'no extension: exit 2');
like($err, qr/error: cannot compare: list of tables: .*run CREATE EXTENSION nova_decoder in this database/, 'and why');

# Without it the stream works, and topics are made when records name them.
my $third = topic_prefix();
$relay = start_relay('third', $node, $kafka, { 'topic.prefix' => $third, 'table.include.list' => 'public.users',
	'topic.creation.default.partitions' => 7 });
$relay->wait_for_line(qr/streaming from slot/);
like($relay->log_text, qr/warn: topics of tables are made when their first records come: /, 'without the extension: that is said');
sql('INSERT INTO users VALUES (4)');
wait_confirmed($node, 'nova_third');
$prefix = $third;
is(partitions()->{"$third.public.users"}, 7, 'and so it is');
is($relay->term, 0, 'it stops in order');

done_testing();
