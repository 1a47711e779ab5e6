/* A loopback HTTP/1.1 server that throws bodies away: fast enough never to be what a benchmark measures.
 *
 * A thread a connection, blocking reads. It answers each request with 200 and an empty object first, and counts
 * afterwards: requests, bytes, events (by their message ids), and the seconds since the last answer left. GET /counts
 * gives these as JSON, GET /reset sets them to zero. The port is printed on stdout; the end of stdin ends the process.
 *
 * Usage: sink [milliseconds to wait before each answer]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4 << 20 };

static const char OK[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
static const char NEEDLE[] = "\"messageId\":";

static atomic_llong requests, bytes, events, last_ns, counting;
static struct timespec delay;

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int write_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n <= 0) return -1;
        data += n, size -= (size_t)n;
    }
    return 0;
}

/* The value of Content-Length between head and end; 0 when there is none, -1 when the length is not told. */
static long length_of(const char *head, const char *end) {
    for (const char *line = head; line < end; line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1) {
        if (!strncasecmp(line, "content-length:", 15)) return strtol(line + 15, NULL, 10);
        if (!strncasecmp(line, "transfer-encoding:", 18)) return -1;
    }
    return 0;
}

static int control(int fd, const char *head) {
    char body[256], answer[512];
    int reset = !strncmp(head, "GET /reset ", 11);
    if (!reset && strncmp(head, "GET /counts ", 12)) return 0;
    while (counting) sched_yield();
    int size = snprintf(body, sizeof body, "{\"requests\":%lld,\"bytes\":%lld,\"events\":%lld,\"quiet\":%.9f}",
                        (long long)requests, (long long)bytes, (long long)events, (double)(now_ns() - last_ns) / 1e9);
    if (reset) requests = bytes = events = last_ns = 0;
    int all = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, body);
    return write_all(fd, answer, (size_t)all) ? -1 : 1;
}

static void count(const char *body, size_t size) {
    long long found = 0;
    const char *end = body + size;
    for (const char *at = body; (at = memmem(at, (size_t)(end - at), NEEDLE, sizeof NEEDLE - 1)); at++) found++;
    events += found;
    bytes += (long long)size;
    requests++;
}

/* One request from what `buffer` holds and the socket gives: bytes that are left over, -1 at the end. */
static ssize_t serve_one(int fd, char *buffer, size_t have) {
    char *end;
    while (!(end = memmem(buffer, have, "\r\n\r\n", 4))) {
        ssize_t n = have < MOST ? read(fd, buffer + have, MOST - have) : -1;
        if (n <= 0) return -1;
        have += (size_t)n;
    }
    size_t head = (size_t)(end - buffer) + 4;
    long length = length_of(buffer, end + 2);
    if (length < 0 || head + (size_t)length > MOST) return -1;
    size_t whole = head + (size_t)length;
    while (have < whole) {
        ssize_t n = read(fd, buffer + have, MOST - have);
        if (n <= 0) return -1;
        have += (size_t)n;
    }
    int controlled = control(fd, buffer);
    if (controlled < 0) return -1;
    if (!controlled) {
        if (delay.tv_sec || delay.tv_nsec) nanosleep(&delay, NULL);
        counting++;
        int failed = write_all(fd, OK, sizeof OK - 1);
        last_ns = now_ns();
        count(buffer + head, (size_t)length);
        counting--;
        if (failed) return -1;
    }
    memmove(buffer, buffer + whole, have - whole);
    return (ssize_t)(have - whole);
}

static void *serve(void *argument) {
    int fd = (int)(long)argument, one = 1;
    char *buffer = malloc(MOST);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (ssize_t have = 0; buffer && have >= 0;) have = serve_one(fd, buffer, (size_t)have);
    free(buffer);
    close(fd);
    return NULL;
}

int main(int argc, char **argv) {
    long milliseconds = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    delay = (struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000};
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 128) ||
        getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("sink");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct pollfd waiting[] = {{.fd = listener, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    while (poll(waiting, 2, -1) > 0 && !waiting[1].revents) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && !pthread_create(&thread, NULL, serve, (void *)(long)fd)) pthread_detach(thread);
    }
    return 0;
}
