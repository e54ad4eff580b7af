/* In place of functions of the C libraries that are large and have next to nothing to do here. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>

/* musl's names other threads as well, by a file whose name snprintf makes, which nothing else needs; std names only the thread
   that it is on. */
int pthread_setname_np(pthread_t thread, const char *name)
{
	if (thread != pthread_self())
		return ENOSYS;
	return prctl(PR_SET_NAME, name, 0, 0, 0) == 0 ? 0 : errno;
}

/* zig's is made for millions. Only getaddrinfo sorts: the addresses of one name, of which it takes 48 at most. */
void qsort(void *elements, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	char *first = elements, *end = first + count * size;

	for (char *next = first; next != end; next += size)
		for (char *it = next; it != first && compare(it - size, it) > 0; it -= size)
			for (size_t at = 0; at < size; at++) {
				char kept = it[at];
				it[at] = it[at - size];
				it[at - size] = kept;
			}
}
