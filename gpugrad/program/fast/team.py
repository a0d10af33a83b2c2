"""Threads that share the rows of a loop: the part in LLVM's assembly.

Which thread takes which piece changes from run to run, but no result: every element is computed whole by one of them.
A team is a block of 8-byte words (_PLACES).  Word 0 holds the job's number (upper half) and the
next piece that nobody has taken (lower half): a thread takes a piece by exchanging that word, which fails if the job
has changed since it was read.  While a job is written down the lower half is at its largest, so nobody takes anything.
"""

import platform

_ARM = platform.machine().lower() in ("arm64", "aarch64")
PAUSE = "call void @llvm.aarch64.hint(i32 1)" if _ARM else "call void @llvm.x86.sse2.pause()"
YIELD = "SwitchToThread" if platform.system() == "Windows" else "sched_yield"

_PLACES = {"done": 8, "work": 16, "table": 17, "rows": 18, "grain": 19, "pieces": 20, "limit": 21}
_WORDS = "\n  ".join(f"%{name}_at = getelementptr i64, ptr %team, i64 {i}" for name, i in _PLACES.items())

_TAKE = """
define internal i64 @take(ptr %team, i64 %thread) #1 {
entry:
  WORDS
  br label %look
look:
  %taken = phi i64 [ 0, %entry ], [ %taken, %try ], [ %more, %won ]
  %word = load atomic i64, ptr %team acquire, align 8
  %piece = and i64 %word, 4294967295
  %pieces = load atomic i64, ptr %pieces_at monotonic, align 8
  %limit = load atomic i64, ptr %limit_at monotonic, align 8
  %left = icmp ult i64 %piece, %pieces
  %asked = icmp ult i64 %thread, %limit
  %some = and i1 %left, %asked
  br i1 %some, label %try, label %leave
try:
  %grain = load atomic i64, ptr %grain_at monotonic, align 8
  %rows = load atomic i64, ptr %rows_at monotonic, align 8
  %table = load atomic ptr, ptr %table_at monotonic, align 8
  %work = load atomic ptr, ptr %work_at monotonic, align 8
  %next = add i64 %word, 1
  %swapped = cmpxchg ptr %team, i64 %word, i64 %next acq_rel monotonic
  %ok = extractvalue { i64, i1 } %swapped, 1
  br i1 %ok, label %won, label %look
won:
  %start = mul i64 %piece, %grain
  %end = add i64 %start, %grain
  %over = icmp ugt i64 %end, %rows
  %stop = select i1 %over, i64 %rows, i64 %end
  call void %work(ptr %table, i64 %thread, i64 %start, i64 %stop)
  %before = atomicrmw add ptr %done_at, i64 1 release
  %more = add i64 %taken, 1
  br label %look
leave:
  ret i64 %taken
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
  %word = atomicrmw or ptr %team, i64 4294967295 seq_cst
  store atomic i64 %pieces, ptr %pieces_at monotonic, align 8
  store atomic i64 %threads, ptr %limit_at monotonic, align 8
  store atomic i64 %grain, ptr %grain_at monotonic, align 8
  store atomic i64 %rows, ptr %rows_at monotonic, align 8
  store atomic ptr %table, ptr %table_at monotonic, align 8
  store atomic ptr %work, ptr %work_at monotonic, align 8
  store atomic i64 0, ptr %done_at monotonic, align 8
  %job = lshr i64 %word, 32
  %job1 = add i64 %job, 1
  %new = shl i64 %job1, 32
  store atomic i64 %new, ptr %team release, align 8
  %taken = call i64 @take(ptr %team, i64 0)
  br label %wait
wait:
  %waited = phi i64 [ 0, %share ], [ %waited1, %rest ], [ 0, %tired ]
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
  br label %look
look:
  %idle = phi i64 [ 0, %entry ], [ %idle2, %rest ]
  %taken = call i64 @take(ptr %team, i64 %thread)
  %none = icmp eq i64 %taken, 0
  %idle1 = add i64 %idle, 1
  %idle2 = select i1 %none, i64 %idle1, i64 0
  %tired = icmp ugt i64 %idle2, %patience
  br i1 %tired, label %leave, label %rest
rest:
  %long = icmp ugt i64 %idle2, 2000
  br i1 %long, label %polite, label %brief
brief:
  PAUSE
  br label %look
polite:
  %ignored = call i32 @YIELD()
  br label %look
leave:
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
    text = text.replace("WORDS", _WORDS)
    return text.replace("PAUSE", PAUSE).replace("DECLARED", declared).replace("YIELD", YIELD)


def member() -> str:
    """The module with `serve(team, thread, patience)`, which a thread runs."""
    return filled_in(MEMBER)
