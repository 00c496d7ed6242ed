"""The pool of threads that runs parallel loops, as LLVM IR: one per process, whichever module calls it.

    i64  @tfc_threads()                 how many threads a run may use, the caller's among them
    void @tfc_set_threads(i64 n)
    void @tfc_parallel(ptr body, ptr context, i64 extent, i64 grain, i64 private, i64 threads)
    void @tfc_pool_child()              to be called in the child of a fork

`tfc_parallel` calls `body(context, begin, end, own, 1)` on ranges that make up `0 .. extent`, of a part of `grain`
iterations at least, and returns when all have ended. `own` is null on the calling thread, elsewhere `private` bytes of
that thread's. Ranges are handed out by a counter, several to a thread, so a thread that is held up keeps one of them
and no more. A call while another is under way runs its loop itself: the threads are busy, and the results are the same.

Everything turns on `@word`: the number of the job, which is odd while threads may join it, above the count of the
threads that have joined and not left. A job is published by a new number. A thread joins by adding 1 to the count of an
open job, so whoever comes late finds the number changed and touches nothing; the caller closes the job when no range
is left, and waits for those that have joined only. Threads that have nothing to do look at the number `SPINS` times,
then sleep on it (a futex); who publishes wakes two, and each of them two more.

In the child of a fork there are no threads but the caller's, so all is set as at the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

MOST = 256
"""Threads of a pool at most."""
SPINS = 200
"""Looks before a thread sleeps: some microseconds, so that loops in a row find it awake and others the core free."""
RANGES = 16
"""Ranges per thread at most: a range that is late holds up a join by little."""
PARTS = 8
"""Ranges that a grain may be cut into: of few whole grains one thread would wait for another's last."""
STACK = 8 << 20
"""Bytes of a thread's stack, which kernels' local buffers stand on."""


@dataclass(frozen=True)
class _Machine:
    """What differs between architectures: the number of the futex call, a pause, the state of the float unit."""

    futex: int
    pause: str
    state: str
    """Defines `%state`, an i64, without what only records what has happened."""
    set_state: str
    """Makes `%new` the state."""
    declarations: str


_X86 = _Machine(
    202,
    "call void @llvm.x86.sse2.pause()",
    """%at = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %at)
  %now = load i32, ptr %at
  %kept = and i32 %now, 65472
  %state = zext i32 %kept to i64""",
    """%at = alloca i32
  %narrow = trunc i64 %new to i32
  store i32 %narrow, ptr %at
  call void @llvm.x86.sse.ldmxcsr(ptr %at)""",
    """declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)""",
)
_ARM = _Machine(
    98,
    "call void @llvm.aarch64.hint(i32 1)",
    "%state = call i64 @llvm.aarch64.get.fpcr()",
    "call void @llvm.aarch64.set.fpcr(i64 %new)",
    """declare void @llvm.aarch64.hint(i32)
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)""",
)
_MACHINES = {"x86_64": _X86, "aarch64": _ARM}


def has_pool(triple: str) -> bool:
    """Whether there is a pool for a target: it needs Linux, and an architecture that is known."""
    return "linux" in triple and _architecture(triple) in _MACHINES


def _architecture(triple: str) -> str:
    return triple.split("-", maxsplit=1)[0]


def emit_pool(triple: str) -> str:
    """The LLVM module of the pool for a target that has one."""
    machine = _MACHINES[_architecture(triple)]
    text = "\n".join((_STATE, _CALLS, _SYSTEM, _CALLER, _WORKER, _SIZE))
    values = {"futex": machine.futex, "pause": machine.pause, "state": machine.state, "set_state": machine.set_state}
    body = Template(text).substitute(values, most=MOST, spins=SPINS, ranges=RANGES, parts=PARTS, stack=STACK)
    return f'source_filename = "tfc pool"\ntarget triple = "{triple}"\n{body}\n{machine.declarations}\n'


_STATE = """
; Each of these on a cache line of its own: the first two are what threads look at and count with.
@word = internal global i64 0, align 64
@next = internal global i64 0, align 64
@owner = internal global i32 0, align 64
; The job, written by the owner while no thread has joined.
@body = internal global ptr null, align 64
@context = internal global ptr null
@extent = internal global i64 0
@chunk = internal global i64 0
@private = internal global i64 0
@float = internal global i64 0
; How many threads sleep, are wanted (the caller's among them), are to stay, and are there (known to the owner).
@sleepers = internal global i32 0, align 64
@wanted = internal global i64 1
@keep = internal global i64 0
@started = internal global i64 0
@handles = internal global [$most x i64] zeroinitializer"""

_CALLS = """
define i64 @tfc_threads() nounwind {
  %n = load atomic i64, ptr @wanted monotonic, align 8
  ret i64 %n
}

define void @tfc_set_threads(i64 %n) nounwind {
  store atomic i64 %n, ptr @wanted monotonic, align 8
  ret void
}

define void @tfc_pool_child() nounwind {
  store atomic i64 0, ptr @word monotonic, align 8
  store atomic i32 0, ptr @sleepers monotonic, align 4
  store i64 0, ptr @started
  store atomic i64 0, ptr @keep monotonic, align 8
  store atomic i32 0, ptr @owner release, align 4
  ret void
}"""

_SYSTEM = """
declare i64 @syscall(i64, ...)
declare ptr @mmap(ptr, i64, i32, i32, i32, i64)
declare i32 @munmap(ptr, i64)
declare i32 @sigfillset(ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_attr_destroy(ptr)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i64 @llvm.umin.i64(i64, i64)
declare i64 @llvm.umax.i64(i64, i64)

define internal void @sleep(ptr %address, i32 %value) nounwind {
  %r = call i64 (i64, ...) @syscall(i64 $futex, ptr %address, i32 128, i32 %value, ptr null)
  ret void
}

define internal void @wake(ptr %address, i32 %count) nounwind {
  %r = call i64 (i64, ...) @syscall(i64 $futex, ptr %address, i32 129, i32 %count)
  ret void
}

define internal i64 @float_state() nounwind {
  $state
  ret i64 %state
}

define internal void @set_float_state(i64 %new) nounwind {
  $set_state
  ret void
}

; Wakes two of those that wait for a job, fewer if there are not so many ranges.
define internal void @wake_some(i64 %ranges) nounwind {
  %n = load atomic i32, ptr @sleepers seq_cst, align 4
  %any = icmp sgt i32 %n, 0
  %useful = icmp sgt i64 %ranges, 0
  %both = and i1 %any, %useful
  br i1 %both, label %some, label %done
some:
  %high = getelementptr i8, ptr @word, i64 4
  %two = call i64 @llvm.umin.i64(i64 %ranges, i64 2)
  %count = trunc i64 %two to i32
  call void @wake(ptr %high, i32 %count)
  br label %done
done:
  ret void
}

; Runs ranges of the job until none is left.
define internal void @work(ptr %own) nounwind {
entry:
  %body = load ptr, ptr @body
  %context = load ptr, ptr @context
  %extent = load i64, ptr @extent
  %chunk = load i64, ptr @chunk
  br label %take
take:
  %begin = atomicrmw add ptr @next, i64 %chunk monotonic, align 8
  %left = icmp slt i64 %begin, %extent
  br i1 %left, label %run, label %done
run:
  %after = add nsw i64 %begin, %chunk
  %end = call i64 @llvm.umin.i64(i64 %after, i64 %extent)
  call void %body(ptr %context, i64 %begin, i64 %end, ptr %own, i64 1)
  br label %take
done:
  ret void
}"""

_CALLER = """
define void @tfc_parallel(ptr %body, ptr %context, i64 %extent, i64 %grain, i64 %private, i64 %threads) nounwind {
entry:
  %got = cmpxchg ptr @owner, i32 0, i32 1 acquire monotonic, align 4
  %free = extractvalue { i32, i1 } %got, 1
  br i1 %free, label %owned, label %alone
owned:
  %others = sub nsw i64 %threads, 1
  %have = load i64, ptr @started
  %as_wanted = icmp eq i64 %have, %others
  br i1 %as_wanted, label %ready, label %change
change:
  call void @resize(i64 %others)
  br label %ready
ready:
  %there = load i64, ptr @started
  %none = icmp eq i64 %there, 0
  br i1 %none, label %give_up, label %publish
publish:
  %all = add nuw nsw i64 %there, 1
  %most = mul nuw nsw i64 %all, $ranges
  %parts = mul nuw nsw i64 %extent, $parts
  %shares = udiv i64 %parts, %grain
  %whole = call i64 @llvm.umin.i64(i64 %shares, i64 %extent)
  %fair = call i64 @llvm.umin.i64(i64 %whole, i64 %most)
  %ranges = call i64 @llvm.umax.i64(i64 %fair, i64 1)
  %rounded = add i64 %extent, %ranges
  %last = sub i64 %rounded, 1
  %chunk = udiv i64 %last, %ranges
  %float = call i64 @float_state()
  store ptr %body, ptr @body
  store ptr %context, ptr @context
  store i64 %extent, ptr @extent
  store i64 %chunk, ptr @chunk
  store i64 %private, ptr @private
  store i64 %float, ptr @float
  store atomic i64 0, ptr @next monotonic, align 8
  %old = load atomic i64, ptr @word monotonic, align 8
  %number = lshr i64 %old, 32
  %following = add nuw nsw i64 %number, 1
  %open = shl i64 %following, 32
  store atomic i64 %open, ptr @word seq_cst, align 8
  %for_others = sub nsw i64 %ranges, 1
  call void @wake_some(i64 %for_others)
  call void @work(ptr null)
  %before = atomicrmw add ptr @word, i64 4294967296 acq_rel, align 8
  %at_close = trunc i64 %before to i32
  %all_left = icmp eq i32 %at_close, 0
  br i1 %all_left, label %release, label %spin
spin:
  %spins = phi i32 [ 0, %publish ], [ %more, %again ]
  %now = load atomic i64, ptr @word acquire, align 8
  %still = trunc i64 %now to i32
  %left = icmp eq i32 %still, 0
  br i1 %left, label %release, label %again
again:
  $pause
  %more = add nuw nsw i32 %spins, 1
  %enough = icmp eq i32 %more, $spins
  br i1 %enough, label %wait, label %spin
wait:
  ; The highest bit of the count tells the last thread to wake the caller.
  %marked = atomicrmw or ptr @word, i64 2147483648 acq_rel, align 8
  %count = trunc i64 %marked to i32
  %in = and i32 %count, 2147483647
  %out = icmp eq i32 %in, 0
  br i1 %out, label %release, label %asleep
asleep:
  %expected = or i32 %count, 2147483648
  call void @sleep(ptr @word, i32 %expected)
  br label %wait
release:
  store atomic i32 0, ptr @owner release, align 4
  ret void
give_up:
  store atomic i32 0, ptr @owner release, align 4
  br label %alone
alone:
  call void %body(ptr %context, i64 0, i64 %extent, ptr null, i64 1)
  ret void
}"""

_WORKER = """
define internal ptr @worker(ptr %argument) nounwind {
entry:
  %index = ptrtoint ptr %argument to i64
  %high = getelementptr i8, ptr @word, i64 4
  br label %idle
idle:
  ; %seen is the number that there is nothing to do for; the memory of this thread is %mine, of %size bytes.
  %seen = phi i32 [ 0, %entry ], [ %seen, %rest ], [ %number, %closed ], [ %number, %left ]
  %mine = phi ptr [ null, %entry ], [ %mine, %rest ], [ %mine, %closed ], [ %memory, %left ]
  %size = phi i64 [ 0, %entry ], [ %size, %rest ], [ %size, %closed ], [ %bytes, %left ]
  br label %look
look:
  %spins = phi i32 [ 0, %idle ], [ %more, %again ]
  %word = load atomic i64, ptr @word acquire, align 8
  %upper = lshr i64 %word, 32
  %number = trunc i64 %upper to i32
  %same = icmp eq i32 %number, %seen
  br i1 %same, label %again, label %changed
again:
  $pause
  %more = add nuw nsw i32 %spins, 1
  %enough = icmp eq i32 %more, $spins
  br i1 %enough, label %rest, label %look
rest:
  %counted = atomicrmw add ptr @sleepers, i32 1 seq_cst, align 4
  call void @sleep(ptr %high, i32 %seen)
  %awake = atomicrmw sub ptr @sleepers, i32 1 seq_cst, align 4
  br label %idle
changed:
  %staying = load atomic i64, ptr @keep monotonic, align 8
  %stays = icmp ult i64 %index, %staying
  br i1 %stays, label %join, label %exit
join:
  %is_open = and i32 %number, 1
  %shut = icmp eq i32 %is_open, 0
  br i1 %shut, label %closed, label %add
closed:
  br label %idle
add:
  %expected = phi i64 [ %word, %join ], [ %found, %retry ]
  %plus = add i64 %expected, 1
  %swap = cmpxchg ptr @word, i64 %expected, i64 %plus acquire monotonic, align 8
  %joined = extractvalue { i64, i1 } %swap, 1
  br i1 %joined, label %inside, label %retry
retry:
  %found = extractvalue { i64, i1 } %swap, 0
  %found_upper = lshr i64 %found, 32
  %same_job = icmp eq i64 %found_upper, %upper
  br i1 %same_job, label %add, label %closed
inside:
  %taken = load atomic i64, ptr @next monotonic, align 8
  %extent = load i64, ptr @extent
  %chunk = load i64, ptr @chunk
  %open = sub nsw i64 %extent, %taken
  %left_over = sub nsw i64 %open, 1
  ; Without the range that this thread is to take; none or fewer where others have come first.
  %for_others = sdiv i64 %left_over, %chunk
  call void @wake_some(i64 %for_others)
  %float = load i64, ptr @float
  %mode = call i64 @float_state()
  %as_caller = icmp eq i64 %mode, %float
  br i1 %as_caller, label %prepared, label %adopt
adopt:
  call void @set_float_state(i64 %float)
  br label %prepared
prepared:
  %needed = load i64, ptr @private
  %fits = icmp ule i64 %needed, %size
  br i1 %fits, label %run, label %grow
grow:
  call void @drop(ptr %mine, i64 %size)
  %mapped = call ptr @mmap(ptr null, i64 %needed, i32 3, i32 34, i32 -1, i64 0)
  %none = icmp eq ptr %mapped, inttoptr (i64 -1 to ptr)
  br i1 %none, label %leave, label %run
run:
  %memory_run = phi ptr [ %mine, %prepared ], [ %mapped, %grow ]
  %bytes_run = phi i64 [ %size, %prepared ], [ %needed, %grow ]
  call void @work(ptr %memory_run)
  br label %leave
leave:
  %memory = phi ptr [ %memory_run, %run ], [ null, %grow ]
  %bytes = phi i64 [ %bytes_run, %run ], [ 0, %grow ]
  %before = atomicrmw sub ptr @word, i64 1 acq_rel, align 8
  %count = trunc i64 %before to i32
  %last_of_waited = icmp eq i32 %count, -2147483647
  br i1 %last_of_waited, label %call, label %left
call:
  call void @wake(ptr @word, i32 1)
  br label %left
left:
  br label %idle
exit:
  call void @drop(ptr %mine, i64 %size)
  ret ptr null
}

define internal void @drop(ptr %memory, i64 %size) nounwind {
  %none = icmp eq i64 %size, 0
  br i1 %none, label %done, label %some
some:
  %r = call i32 @munmap(ptr %memory, i64 %size)
  br label %done
done:
  ret void
}"""


_SIZE = """
; As many threads as are wanted, the caller's aside. Called by the owner while no job is open.
define internal void @resize(i64 %want) nounwind {
entry:
  %signals = alloca [128 x i8], align 16
  %saved = alloca [128 x i8], align 16
  %attributes = alloca [128 x i8], align 16
  %have = load i64, ptr @started
  store atomic i64 %want, ptr @keep monotonic, align 8
  %fewer = icmp ult i64 %want, %have
  br i1 %fewer, label %retire, label %grow
retire:
  ; Another number, of no job, makes all look whether they are to stay.
  %old = atomicrmw add ptr @word, i64 8589934592 acq_rel, align 8
  %high = getelementptr i8, ptr @word, i64 4
  call void @wake(ptr %high, i32 2147483647)
  br label %each
each:
  %k = phi i64 [ %want, %retire ], [ %next_k, %each ]
  %slot = getelementptr i64, ptr @handles, i64 %k
  %handle = load i64, ptr %slot
  %joined = call i32 @pthread_join(i64 %handle, ptr null)
  %next_k = add nuw nsw i64 %k, 1
  %all_joined = icmp eq i64 %next_k, %have
  br i1 %all_joined, label %fewer_now, label %each
fewer_now:
  store i64 %want, ptr @started
  ret void
grow:
  ; Threads inherit the mask of signals: they are the program's own threads' to handle.
  %filled = call i32 @sigfillset(ptr %signals)
  %masked = call i32 @pthread_sigmask(i32 2, ptr %signals, ptr %saved)
  %made = call i32 @pthread_attr_init(ptr %attributes)
  %sized = call i32 @pthread_attr_setstacksize(ptr %attributes, i64 $stack)
  br label %create
create:
  %n = phi i64 [ %have, %grow ], [ %next_n, %created ]
  %place = getelementptr i64, ptr @handles, i64 %n
  %argument = inttoptr i64 %n to ptr
  %failed = call i32 @pthread_create(ptr %place, ptr %attributes, ptr @worker, ptr %argument)
  %is_there = icmp eq i32 %failed, 0
  br i1 %is_there, label %created, label %short
created:
  %next_n = add nuw nsw i64 %n, 1
  %enough = icmp eq i64 %next_n, %want
  br i1 %enough, label %end, label %create
short:
  ; The system gives no more.
  store atomic i64 %n, ptr @keep monotonic, align 8
  %possible = add nuw nsw i64 %n, 1
  store atomic i64 %possible, ptr @wanted monotonic, align 8
  br label %end
end:
  %count = phi i64 [ %next_n, %created ], [ %n, %short ]
  store i64 %count, ptr @started
  %destroyed = call i32 @pthread_attr_destroy(ptr %attributes)
  %restored = call i32 @pthread_sigmask(i32 2, ptr %saved, ptr null)
  ret void
}"""
