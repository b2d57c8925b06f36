// The limit: an epoll loop that looks for the end of a request and nothing
// else, and answers with a constant. One thread, edge-triggered, each
// connection registered once.
//
//	responder PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

enum { ANSWER = sizeof answer - 1, MAX_FD = 1 << 16, ROUND = 512, INPUT = 64 << 10 };

// matched[fd] is how much of CR LF CR LF the bytes that came so far end with.
static uint8_t matched[MAX_FD];
static char input[INPUT], output[INPUT / 4 * ANSWER];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int requests(int fd, const char *p, ssize_t n)
{
	static const char end[] = "\r\n\r\n";
	int count = 0, m = matched[fd];
	// The usual case, whole requests, is left to the library.
	while (m == 0 && n > 0) {
		const char *hit = memmem(p, n, end, 4);
		if (!hit)
			break;
		count++;
		n -= hit + 4 - p;
		p = hit + 4;
	}
	for (; n > 0; n--, p++) {
		if (*p == end[m])
			m++;
		else
			m = *p == '\r';
		if (m == 4) {
			count++;
			m = 0;
		}
	}
	matched[fd] = m;
	return count;
}

static void serve(int fd)
{
	for (;;) {
		ssize_t n = read(fd, input, sizeof input);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(fd);
			return;
		}
		int count = requests(fd, input, n);
		for (int i = 0; i < count; i++)
			memcpy(output + i * ANSWER, answer, ANSWER);
		// Answers that do not fit into the socket's buffer end the connection:
		// the load never lets it come to that.
		if (count > 0 && write(fd, output, count * ANSWER) != count * ANSWER) {
			close(fd);
			return;
		}
		if (n < (ssize_t)sizeof input)
			return;
	}
}

static void take(int ep, int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (fd >= MAX_FD) {
			close(fd);
			continue;
		}
		int one = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		matched[fd] = 0;
		struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd};
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
			close(fd);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: responder PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(listener, 4096) < 0)
		die("listen");
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[ROUND];
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) < 0)
		die("epoll");
	for (;;) {
		int n = epoll_wait(ep, events, ROUND, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				take(ep, listener);
			else
				serve(events[i].data.fd);
		}
	}
}
