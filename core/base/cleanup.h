/* Scope-owned resources: a variable frees itself on every return.
 *
 *     AUTO(free_str) char *name = NULL;
 *     AUTO_FD int fd = open(...);
 *     return take_fd(&fd);          // hand-over: the scope no longer owns it
 */
#ifndef REHOST_CORE_BASE_CLEANUP_H
#define REHOST_CORE_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn)  __attribute__((cleanup(fn)))
#define AUTO_FREE AUTO(cleanup_free)
#define AUTO_FD	  AUTO(cleanup_fd)

/* Frees any heap pointer variable; NULL is fine. */
static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Hands the pointer over and leaves NULL behind. */
#define take_ptr(p)                                                                                                    \
	({                                                                                                             \
		__auto_type take_tmp_ = *(p);                                                                          \
		*(p) = NULL;                                                                                           \
		take_tmp_;                                                                                             \
	})

/* Hands the descriptor over and leaves -1 behind. */
static inline int take_fd(int *fd)
{
	int ret = *fd;

	*fd = -1;
	return ret;
}

/* Defines x_closep() for AUTO(x_closep) from a destructor that accepts NULL. */
#define DEFINE_CLEANUP(type, destroy)                                                                                  \
	static inline void destroy##p(type *p)                                                                         \
	{                                                                                                              \
		destroy(*p);                                                                                           \
	}

#endif
