#!/usr/bin/perl
# What network tests run in pods. `net serve tcp:8080 udp:8081` answers until it is ended: over TCP as a web server,
# over UDP with one datagram for each; `net http HOST PORT PATH`, `net udp HOST PORT` and `net resolve NAME` ask once.
use strict;
use warnings;
use Socket qw(:DEFAULT getaddrinfo getnameinfo NI_NUMERICHOST NI_NUMERICSERV IPPROTO_TCP IPPROTO_UDP IPPROTO_SCTP);

my %kinds = (tcp => [SOCK_STREAM, IPPROTO_TCP], sctp => [SOCK_STREAM, IPPROTO_SCTP], udp => [SOCK_DGRAM, IPPROTO_UDP]);
my ($command, @arguments) = @ARGV;
chomp(my $hostname = `hostname`);
$| = 1;

if ($command eq 'serve') { serve(@arguments) }
elsif ($command eq 'http') { print http('tcp', @arguments) }
elsif ($command eq 'sctp') { print http('sctp', @arguments) }
elsif ($command eq 'udp') { print udp(@arguments) }
elsif ($command eq 'resolve') { print resolve(@arguments) }
else { die "no such command: $command\n" }

sub serve {
    for my $place (@_) {
        my ($protocol, $port) = split /:/, $place;
        next if fork;
        my ($type, $number) = @{ $kinds{$protocol} };
        socket(my $socket, AF_INET, $type, $number) or die "socket: $!";
        setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($socket, pack_sockaddr_in($port, INADDR_ANY)) or die "bind $port: $!";
        $protocol eq 'udp' ? answer_datagrams($socket) : answer_requests($socket, $port);
    }
    $SIG{TERM} = sub { kill 'KILL', -getpgrp };
    1 while wait != -1;
}

sub answer_datagrams {
    my ($socket) = @_;
    while (my $client = recv($socket, my $message, 1500, 0)) {
        my (undef, $address) = unpack_sockaddr_in($client);
        my $reply = $message eq 'clientip' ? inet_ntoa($address) : $hostname;
        send($socket, $reply, 0, $client);
    }
}

sub answer_requests {
    my ($socket, $port) = @_;
    local $SIG{CHLD} = 'IGNORE';
    listen($socket, 128) or die "listen: $!";
    for (;;) {
        my $client = accept(my $connection, $socket) or next;
        if (fork) { close $connection; next }
        my (undef, $address) = unpack_sockaddr_in($client);
        answer_request($connection, inet_ntoa($address), $port);
        exit 0;
    }
}

sub answer_request {
    my ($connection, $client, $port) = @_;
    my $head = '';
    while (my $line = <$connection>) { last if $line eq "\r\n"; $head .= $line }
    my ($method, $path) = $head =~ m{^(\S+) (\S+) };
    my ($length) = $head =~ m{^content-length: *(\d+)}im;
    read($connection, my $body, $length) if $length;
    my $text = $path eq '/hostname' ? $hostname : $path eq '/clientip' ? $client : $path eq '/port' ? $port : "$method $path";
    my $status = $path =~ m{^/status/(\d+)} ? "$1 Told So\r\nlocation: /elsewhere" : '200 OK';
    my $answer = "HTTP/1.1 $status\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: " . length($text) . "\r\n\r\n";
    syswrite($connection, $method eq 'HEAD' ? $answer : "$answer$text");
    close $connection;
}

sub http {
    my ($protocol, $host, $port, $path) = @_;
    alarm 5;
    my ($type, $number) = @{ $kinds{$protocol} };
    socket(my $socket, AF_INET, $type, $number) or die "socket: $!\n";
    connect($socket, pack_sockaddr_in($port, inet_aton($host) // die "no address of $host\n")) or die "connect: $!\n";
    syswrite($socket, "GET $path HTTP/1.1\r\nhost: $host\r\nconnection: close\r\n\r\n");
    my $answer = '';
    1 while sysread($socket, $answer, 65536, length $answer);
    $answer =~ s{^.*?\r\n\r\n}{}s or die "no answer\n";
    return $answer;
}

sub udp {
    my ($host, $port, $message, $own) = @_;
    alarm 5;
    socket(my $socket, AF_INET, SOCK_DGRAM, IPPROTO_UDP) or die "socket: $!\n";
    bind($socket, pack_sockaddr_in($own, INADDR_ANY)) or die "bind: $!\n" if $own;
    connect($socket, pack_sockaddr_in($port, inet_aton($host) // die "no address of $host\n")) or die "connect: $!\n";
    defined send($socket, $message // 'hostname', 0) or die "send: $!\n";
    defined recv($socket, my $reply, 1500, 0) or die "recv: $!\n";
    return $reply;
}

sub resolve {
    my ($name) = @_;
    my ($error, @found) = getaddrinfo($name, '', { family => AF_INET, socktype => SOCK_STREAM });
    die "$error\n" if $error;
    my @addresses = map { (getnameinfo($_->{addr}, NI_NUMERICHOST | NI_NUMERICSERV))[1] } @found;
    return join(' ', sort @addresses);
}
