//! What a thread allocates, counted in tests: the same on every machine, however busy it is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// How many times `work` allocates on this thread.
pub(crate) fn allocations(work: impl FnOnce()) -> u64 {
    ALLOCATIONS.set(0);
    work();
    ALLOCATIONS.get()
}

/// What `work` makes, and how many bytes of the heap this thread has taken for it and not given back.
pub(crate) fn bytes_kept<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = bytes_held();
    let made = work();
    (made, usize::try_from(bytes_held() - before).unwrap())
}

/// How many bytes of the heap this thread has taken and not given back; less than none where it has freed those of others.
pub(crate) fn bytes_held() -> isize {
    BYTES.get()
}

/// Counts, and passes everything on.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(allocations: u64, bytes: usize, freed: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    BYTES.set(BYTES.get() + bytes.cast_signed() - freed.cast_signed());
}

#[allow(unsafe_code, reason = "the trait is unsafe; each method only counts and calls the system's")]
// SAFETY: every method hands its arguments on unchanged to `System`, which keeps the contract; counting touches no memory
// but thread-local cells without destructors, and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, 0, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
