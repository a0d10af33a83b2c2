"""Threads that share the rows of a loop: the part in LLVM's assembly.

Each thread begins with pieces of its own, the same ones whenever a loop has as many rows, so that what it reads was
mostly last written by itself: on processors that do not share a cache it need not be fetched from the other's.  Who is
done takes pieces of others, of the same job.  So it changes from run to run which thread takes which piece, but no
result: every element is computed whole by one of them.

A team is a block of 8-byte words (_PLACES), then a line for each thread.  Its first word is the job's number (upper
half) and the next of its pieces that nobody has taken (lower half), its second is 1 while it sleeps.  A piece is taken
by exchanging that first word, which fails if the job has changed since it was read.  While a job is written down the
lower halves are at their largest, so nobody takes anything.  How many pieces and threads there are is one word, so that
both are read of one job.
"""

import platform

_ARM = platform.machine().lower() in ("arm64", "aarch64")
PAUSE = "call void @llvm.aarch64.hint(i32 1)" if _ARM else "call void @llvm.x86.sse2.pause()"
YIELD = "SwitchToThread" if platform.system() == "Windows" else "sched_yield"

_PLACES = {"done": 0, "work": 16, "table": 17, "rows": 18, "grain": 19, "shares": 20, "runs": 21}
RUNS = _PLACES["runs"]  # the word that says for how many threads a program runs now
HOMES, LINE = 32, 16  # words before the threads' own, and from one of these to the next: two lines of a cache
NOTHING = (1 << 32) - 1  # lower half while there is nothing to take
_WORDS = "\n  ".join(f"%{name}_at = getelementptr i64, ptr %team, i64 {i}" for name, i in _PLACES.items())

_TAKE = """
define internal ptr @home(ptr %team, i64 %thread) #1 {
  %far = mul i64 %thread, LINE
  %at = add i64 %far, HOMES
  %home = getelementptr i64, ptr %team, i64 %at
  ret ptr %home
}

define internal i64 @first_piece(i64 %thread, i64 %pieces, i64 %threads) #1 {
  %part = mul i64 %thread, %pieces
  %first = udiv i64 %part, %threads
  ret i64 %first
}

define internal void @take(ptr %team, i64 %thread) #1 {
entry:
  WORDS
  br label %turn
turn:
  %i = phi i64 [ 0, %entry ], [ %i1, %empty ]
  %own_job = phi i64 [ 0, %entry ], [ %own_job1, %empty ]
  %now = load atomic i64, ptr %shares_at monotonic, align 8
  %many = and i64 %now, 4294967295
  %asked = icmp ult i64 %thread, %many
  %more = icmp ult i64 %i, %many
  %go = and i1 %asked, %more
  br i1 %go, label %choose, label %leave
choose:
  %sum = add i64 %thread, %i
  %whose = urem i64 %sum, %many
  %home = call ptr @home(ptr %team, i64 %whose)
  %whose1 = add i64 %whose, 1
  br label %look
look:
  %word = load atomic i64, ptr %home acquire, align 8
  %piece = and i64 %word, 4294967295
  %shares = load atomic i64, ptr %shares_at monotonic, align 8
  %threads = and i64 %shares, 4294967295
  %pieces = lshr i64 %shares, 32
  %last = call i64 @first_piece(i64 %whose1, i64 %pieces, i64 %threads)
  %left = icmp ult i64 %piece, %last
  %known = icmp ult i64 %whose, %threads
  %job = lshr i64 %word, 32
  %own = icmp eq i64 %i, 0
  %own_job1 = select i1 %own, i64 %job, i64 %own_job
  %same_job = icmp eq i64 %job, %own_job1
  %open = and i1 %known, %same_job
  %some = and i1 %left, %open
  br i1 %some, label %try, label %empty
try:
  %grain = load atomic i64, ptr %grain_at monotonic, align 8
  %rows = load atomic i64, ptr %rows_at monotonic, align 8
  %table = load atomic ptr, ptr %table_at monotonic, align 8
  %work = load atomic ptr, ptr %work_at monotonic, align 8
  %next = add i64 %word, 1
  %swapped = cmpxchg ptr %home, i64 %word, i64 %next acq_rel monotonic
  %ok = extractvalue { i64, i1 } %swapped, 1
  br i1 %ok, label %won, label %look
won:
  %start = mul i64 %piece, %grain
  %end = add i64 %start, %grain
  %over = icmp ugt i64 %end, %rows
  %stop = select i1 %over, i64 %rows, i64 %end
  call void %work(ptr %table, i64 %thread, i64 %start, i64 %stop)
  %before = atomicrmw add ptr %done_at, i64 1 release
  br label %look
empty:
  %i1 = add i64 %i, 1
  br label %turn
leave:
  ret void
}
"""

FORK = (
    _TAKE
    + """
define internal void @fork(ptr %work, i64 %rows, i64 %grain, ptr %threads_at) #0 {
entry:
  %team = load ptr, ptr @team
  %table = load ptr, ptr @table
  %threads = load i64, ptr %threads_at
  %alone = icmp eq i64 %threads, 1
  br i1 %alone, label %whole, label %share
whole:
  call void %work(ptr %table, i64 0, i64 0, i64 %rows)
  ret void
share:
  WORDS
  %sum = add i64 %rows, %grain
  %sum1 = sub i64 %sum, 1
  %pieces = udiv i64 %sum1, %grain
  %pieces1 = shl i64 %pieces, 32
  %shares = or i64 %pieces1, %threads
  br label %close
close:
  %i = phi i64 [ 0, %share ], [ %i1, %close ]
  %closed = call ptr @home(ptr %team, i64 %i)
  %word = atomicrmw or ptr %closed, i64 4294967295 seq_cst
  %i1 = add i64 %i, 1
  %all_closed = icmp eq i64 %i1, %threads
  br i1 %all_closed, label %write, label %close
write:
  store atomic i64 %shares, ptr %shares_at monotonic, align 8
  store atomic i64 %grain, ptr %grain_at monotonic, align 8
  store atomic i64 %rows, ptr %rows_at monotonic, align 8
  store atomic ptr %table, ptr %table_at monotonic, align 8
  store atomic ptr %work, ptr %work_at monotonic, align 8
  store atomic i64 0, ptr %done_at monotonic, align 8
  %first_home = call ptr @home(ptr %team, i64 0)
  %before = load atomic i64, ptr %first_home monotonic, align 8
  %job = lshr i64 %before, 32
  %job1 = add i64 %job, 1
  %new = shl i64 %job1, 32
  br label %open
open:
  %j = phi i64 [ %threads, %write ], [ %j1, %open ]
  %j1 = sub i64 %j, 1
  %opened = call ptr @home(ptr %team, i64 %j1)
  %first = call i64 @first_piece(i64 %j1, i64 %pieces, i64 %threads)
  %here = or i64 %new, %first
  store atomic i64 %here, ptr %opened release, align 8
  %all_open = icmp eq i64 %j1, 0
  br i1 %all_open, label %begin, label %open
begin:
  call void @take(ptr %team, i64 0)
  br label %wait
wait:
  %waited = phi i64 [ 0, %begin ], [ %waited1, %rest ], [ 0, %tired ]
  %waited1 = add i64 %waited, 1
  %done = load atomic i64, ptr %done_at acquire, align 8
  %all = icmp eq i64 %done, %pieces
  br i1 %all, label %leave, label %rest
rest:
  PAUSE
  %long = icmp ugt i64 %waited1, 2000
  br i1 %long, label %tired, label %wait
tired:
  %ignored = call i32 @YIELD()
  br label %wait
leave:
  ret void
}
"""
)

MEMBER = (
    _TAKE
    + """
define i64 @serve(ptr %team, i64 %thread, i64 %patience) #1 {
entry:
  WORDS
  %home = call ptr @home(ptr %team, i64 %thread)
  %asleep_at = getelementptr i64, ptr %home, i64 1
  br label %look
look:
  %idle = phi i64 [ 0, %entry ], [ %idle1, %brief ], [ %idle2, %polite ], [ 0, %work ]
  %seen = phi i64 [ 0, %entry ], [ %seen, %brief ], [ %seen, %polite ], [ %word, %work ]
  %word = load atomic i64, ptr %home acquire, align 8
  %same = icmp eq i64 %word, %seen
  br i1 %same, label %rest, label %work
work:
  call void @take(ptr %team, i64 %thread)
  br label %look
rest:
  %idle1 = add i64 %idle, 1
  %tired = icmp ugt i64 %idle1, %patience
  br i1 %tired, label %leave, label %pause
pause:
  %long = icmp ugt i64 %idle1, 2000
  br i1 %long, label %polite, label %brief
brief:
  PAUSE
  br label %look
polite:
  %idle2 = phi i64 [ %idle1, %pause ], [ 0, %stay ]
  %ignored = call i32 @YIELD()
  br label %look
leave:
  store atomic i64 1, ptr %asleep_at seq_cst, align 8
  %runs = load atomic i64, ptr %runs_at seq_cst, align 8
  %wanted = icmp ult i64 %thread, %runs
  br i1 %wanted, label %stay, label %sleep
stay:
  %swapped = cmpxchg ptr %asleep_at, i64 1, i64 0 seq_cst seq_cst
  %ok = extractvalue { i64, i1 } %swapped, 1
  br i1 %ok, label %polite, label %sleep
sleep:
  ret i64 0
}

declare i32 @YIELD()

DECLARED

attributes #1 = { nounwind }
"""
)


def filled_in(text: str) -> str:
    """The text with the words' addresses, and the processor's instruction for threads that wait."""
    declared = PAUSE.replace("call", "declare").replace("i32 1", "i32")
    text = text.replace("WORDS", _WORDS).replace("HOMES", str(HOMES)).replace("LINE", str(LINE))
    return text.replace("PAUSE", PAUSE).replace("DECLARED", declared).replace("YIELD", YIELD)


def member() -> str:
    """The module with `serve(team, thread, patience)`: a thread's work until it has looked so often in vain.

    While a program runs for it it stays.  It says that it sleeps, and then looks once more: who starts a program says
    that first, and then looks who sleeps, so that as a rule one of the two sees the other; else one run is done alone.
    """
    return filled_in(MEMBER)
