/* A loopback HTTP/1.1 server that throws bodies away: fast enough never to be what a benchmark measures.
 *
 * A thread a connection, blocking reads. It answers each request, whatever its path, with 200 and an empty object
 * first, and counts afterwards: requests, bytes, events (each row of the benchmarks carries one "order_id", whoever
 * sends it), bodies that it could not read, connections that carried a request, the most of them open and the most
 * requests under way at once, and the seconds since the last answer left. GET /counts gives these as JSON, GET /reset
 * sets them to zero. The port is printed on stdout; the end of stdin ends the process.
 *
 * Usage: sink [milliseconds to wait before each answer]
 *
 * With -DWITH_ZLIB -lz it reads gzip too; without, it counts such bodies among those it could not read.
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
#ifdef WITH_ZLIB
#include <zlib.h>
#endif

enum { MOST = 4 << 20 };

static const char OK[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
static const char NEEDLE[] = "\"order_id\"";

static atomic_llong requests, bytes, events, unread, last_ns, counting;
static atomic_llong connections, is_open, most_open, under_way, most_under_way;
static struct timespec delay;

struct connection {
    int fd, known;         /* known: it has carried a request, so it is nobody who only asks for counts */
    char *buffer, *plain; /* plain: for what gzip hides; made when needed */
};

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

static void raise_to(atomic_llong *most, long long value) {
    for (long long was = *most; was < value && !atomic_compare_exchange_weak(most, &was, value);) {}
}

/* The header's value between head and end, or NULL. */
static const char *header(const char *head, const char *end, const char *name) {
    size_t size = strlen(name);
    for (const char *line = head; line < end; line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1)
        if (!strncasecmp(line, name, size)) return line + size + strspn(line + size, " \t");
    return NULL;
}

static int control(int fd, const char *head) {
    char body[512], answer[1024];
    int reset = !strncmp(head, "GET /reset ", 11);
    if (!reset && strncmp(head, "GET /counts ", 12)) return 0;
    while (counting) sched_yield();
    int size = snprintf(body, sizeof body,
                        "{\"requests\":%lld,\"bytes\":%lld,\"events\":%lld,\"unread\":%lld,\"connections\":%lld,"
                        "\"most_open\":%lld,\"most_in_flight\":%lld,\"quiet\":%.9f}",
                        (long long)requests, (long long)bytes, (long long)events, (long long)unread,
                        (long long)connections, (long long)most_open, (long long)most_under_way,
                        (double)(now_ns() - last_ns) / 1e9);
    if (reset) {
        requests = bytes = events = unread = last_ns = most_under_way = 0;
        connections = most_open = is_open;
    }
    int all = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, body);
    return write_all(fd, answer, (size_t)all) ? -1 : 1;
}

/* Bytes of a gzip body in `to->plain`, or -1. */
static ssize_t inflated(struct connection *to, const char *body, size_t size) {
#ifdef WITH_ZLIB
    if (!to->plain && !(to->plain = malloc(MOST))) return -1;
    z_stream z = {.next_in = (Bytef *)body, .avail_in = (uInt)size, .next_out = (Bytef *)to->plain, .avail_out = MOST};
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) return -1;
    int ended = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return ended == Z_STREAM_END ? (ssize_t)z.total_out : -1;
#else
    (void)to, (void)body, (void)size;
    return -1;
#endif
}

static void count(struct connection *from, const char *body, size_t size, int zipped) {
    long long found = 0;
    bytes += (long long)size;
    requests++;
    if (zipped) {
        ssize_t plain = inflated(from, body, size);
        if (plain < 0) unread++;
        body = from->plain, size = plain < 0 ? 0 : (size_t)plain;
    }
    const char *end = body + size;
    for (const char *at = body; size && (at = memmem(at, (size_t)(end - at), NEEDLE, sizeof NEEDLE - 1)); at++) found++;
    events += found;
}

static int answer(struct connection *to, const char *body, size_t size, int zipped) {
    if (!to->known) {
        to->known = 1;
        connections++;
        raise_to(&most_open, ++is_open);
    }
    raise_to(&most_under_way, ++under_way);
    if (delay.tv_sec || delay.tv_nsec) nanosleep(&delay, NULL);
    counting++;
    under_way--; /* before the answer leaves, or the next request could be here already */
    int failed = write_all(to->fd, OK, sizeof OK - 1);
    last_ns = now_ns();
    count(to, body, size, zipped);
    counting--;
    return failed;
}

/* One request from what the buffer holds and the socket gives: bytes that are left over, -1 at the end. */
static ssize_t serve_one(struct connection *of, size_t have) {
    char *end, *buffer = of->buffer;
    while (!(end = memmem(buffer, have, "\r\n\r\n", 4))) {
        ssize_t n = have < MOST ? read(of->fd, buffer + have, MOST - have) : -1;
        if (n <= 0) return -1;
        have += (size_t)n;
    }
    const char *length = header(buffer, end + 2, "content-length:");
    const char *coding = header(buffer, end + 2, "content-encoding:");
    int zipped = coding && !strncasecmp(coding, "gzip", 4);
    size_t head = (size_t)(end - buffer) + 4, whole = head + (length ? strtoul(length, NULL, 10) : 0);
    if (whole > MOST || header(buffer, end + 2, "transfer-encoding:")) return -1;
    while (have < whole) {
        ssize_t n = read(of->fd, buffer + have, MOST - have);
        if (n <= 0) return -1;
        have += (size_t)n;
    }
    int controlled = control(of->fd, buffer);
    if (controlled < 0 || (!controlled && answer(of, buffer + head, whole - head, zipped))) return -1;
    memmove(buffer, buffer + whole, have - whole);
    return (ssize_t)(have - whole);
}

static void *serve(void *argument) {
    int one = 1;
    struct connection its = {.fd = (int)(long)argument, .buffer = malloc(MOST)};
    setsockopt(its.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (ssize_t have = 0; its.buffer && have >= 0;) have = serve_one(&its, (size_t)have);
    if (its.known) is_open--;
    free(its.buffer);
    free(its.plain);
    close(its.fd);
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
