/* In place of libunwind: a binary without unwind tables has no frame that it could find, so that a backtrace is empty either way.
   What std asks for is in std's crate `unwind`; 5 is _URC_END_OF_STACK (Itanium C++ ABI, Exception Handling, 1.1.1). */
struct context;

int _Unwind_Backtrace(int (*frame)(struct context *, void *), void *argument)
{
	(void)frame;
	(void)argument;
	return 5;
}

unsigned long _Unwind_GetIP(struct context *context)
{
	(void)context;
	return 0;
}
