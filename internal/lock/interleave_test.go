package lock_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keepsake/internal/lock"
)

// room counts who is in a place that is locked.
type room struct{ alone, together atomic.Int32 }

// enter fails when somebody is there who may not be.
func (r *room) enter(mode lock.Mode) error {
	if mode == lock.Shared {
		r.together.Add(1)
		if n := r.alone.Load(); n != 0 {
			return fmt.Errorf("shared with %d that are alone", n)
		}
		return nil
	}
	if n := r.alone.Add(1); n != 1 || r.together.Load() != 0 {
		return fmt.Errorf("%d alone beside %d", n, r.together.Load())
	}
	return nil
}

func (r *room) leave(mode lock.Mode) {
	if mode == lock.Shared {
		r.together.Add(-1)
	} else {
		r.alone.Add(-1)
	}
}

// T9: 500 random interleavings of lockers, some beside what the dead left. No two
// are in that may not be, everyone who waits gets in, and nothing is left.
// KEEPSAKE_TEST_FULL makes it twenty times as many.
func TestT9_Interleavings(t *testing.T) {
	rounds := 500
	if os.Getenv("KEEPSAKE_TEST_FULL") != "" {
		rounds *= 20
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	b := newBench(t)
	var in, refused atomic.Int64
	for round := range rounds {
		source := rand.New(rand.NewPCG(seed, uint64(round)))
		if source.IntN(4) == 0 {
			gone := me()
			gone.PID = 7
			b.leave("exclusive-GONE.json", gone)
		}
		var r room
		var all sync.WaitGroup
		for range 2 + source.IntN(3) {
			l := locker{b: b, room: &r, in: &in, refused: &refused, opts: b.options(lock.Mode(source.IntN(2))), spins: source.IntN(50)}
			l.opts.Alive = running(100, "1")
			if source.IntN(2) == 0 {
				l.opts.Wait = time.Minute
			}
			all.Go(l.run)
		}
		all.Wait()
	}
	b.release(b.acquire(b.options(lock.Exclusive)))
	if got := b.files(); got != "" {
		t.Errorf("%s is left", got)
	}
	t.Logf("%d got in, %d were refused", in.Load(), refused.Load())
	if in.Load() < int64(rounds) || refused.Load() < int64(rounds)/50 {
		t.Error("too few: this test tests nothing")
	}
}

type locker struct {
	b           *bench
	room        *room
	opts        lock.Options
	spins       int
	in, refused *atomic.Int64
}

func (l *locker) run() {
	held, err := lock.Acquire(context.Background(), l.opts)
	if errors.Is(err, lock.ErrHeld) && l.opts.Wait == 0 {
		l.refused.Add(1)
		return
	}
	if err != nil {
		l.b.Error(err)
		return
	}
	l.in.Add(1)
	err = l.room.enter(l.opts.Mode)
	for range l.spins {
		runtime.Gosched()
	}
	l.room.leave(l.opts.Mode)
	if err := errors.Join(err, held.Release()); err != nil {
		l.b.Error(err)
	}
}
