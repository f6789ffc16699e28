#
# Every key that the real connector, its transforms and its converter declare has
# one of three fates: works, ignored with a reason, refused with a reason.
#
use strict;
use warnings;

use Nova;
use Test::More;

open my $check, '-|', '/usr/bin/python3', 'test/compat/keys_check.py' or die "keys_check.py: $!";
while (my $line = <$check>)
{
	chomp $line;
	if ($line =~ /^(not )?ok \d+ - (.*)/) { ok(!$1, $2) }
	elsif ($line =~ /^# (.*)/) { diag($1) }
}
close $check;
is($?, 0, 'the check ended well');

done_testing();
