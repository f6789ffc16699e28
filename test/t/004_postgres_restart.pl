#
# PostgreSQL goes away under load in every way it can, and the relay comes back
# by itself: nothing is lost, each key in order.
#
use strict;
use warnings;

use Nova;
use E2E;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $prefix = topic_prefix();

sub terminate
{
	my $pid = wait_streaming($node, 'nova_restart');
	is($node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)"), 't', 'walsender terminated');
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_replication WHERE pid = $pid") or die 'the walsender stays';
	return;
}

my %ways = (
	fast => sub { $node->stop('fast'); $node->start },
	immediate => sub { $node->stop('immediate'); $node->start },
	terminate => \&terminate);

load_setup($node, identity => 'FULL');
load_topics($kafka, $prefix);
my $relay = start_relay('restart', $node, $kafka, load_config($prefix));
$relay->wait_for_line(qr/streaming from slot nova_restart/);

for my $way (qw(fast immediate terminate fast immediate terminate))
{
	my $load = load_start($node, clients => 2, transactions => 1_000_000, ops => 10);
	my ($before) = load_changes($node);

	wait_until('the load runs', sub { (load_changes($node))[0] > $before + 3000 });
	$ways{$way}->();
	$relay->wait_for_line(qr/warn: PostgreSQL: .*; attempt \d+, next in \d+ ms, safe up to LSN/);
	$relay->wait_for_line(qr/streaming from slot nova_restart/);
	pass("$way: the relay is back by itself");
	load_wait($load, 1);
}

wait_confirmed($node, 'nova_restart');
load_verify($node, $kafka, $prefix, 'six restarts');

# Away for longer: it tries again and again, but does not say the same all the time.
my $logged = length $relay->log_text;
$node->stop('fast');
$relay->wait_for_line(qr/warn: PostgreSQL: /);
ok(outlives($relay, 4), 'it keeps trying while the server is down');
my $said = substr($relay->log_text, $logged);
my @same = $said =~ / warn: PostgreSQL: (.*); attempt /g;
my %same = map { $_ => 1 } @same;
is(scalar @same, scalar keys %same, 'and each reason is said once');
my ($longest) = sort { $b <=> $a } $relay->log_text =~ /next in (\d+) ms/g;
cmp_ok($longest, '<=', 1000, 'no wait is longer than retriable.restart.connector.wait.ms');
$node->start;
$relay->wait_for_line(qr/streaming from slot nova_restart/);
$node->safe_psql('postgres', q{INSERT INTO load.users VALUES (-999999, 0, true, 1.5, 'last')});
wait_confirmed($node, 'nova_restart');
load_verify($node, $kafka, $prefix, 'after a long stop');

is($relay->term, 0, 'the relay stops in order');
unlike($relay->log_text, qr/ error: /, 'and never called it an error');

done_testing();
