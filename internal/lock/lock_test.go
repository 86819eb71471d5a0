package lock_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"keepsake/internal/lock"
)

func TestMatrix(t *testing.T) {
	for _, c := range []struct {
		first, second lock.Mode
		free          bool
	}{
		{lock.Exclusive, lock.Exclusive, false},
		{lock.Exclusive, lock.Shared, false},
		{lock.Shared, lock.Exclusive, false},
		{lock.Shared, lock.Shared, true},
	} {
		t.Run(fmt.Sprint(c.first, c.second), func(t *testing.T) {
			b := newBench(t)
			err := lock.Look(t.Context(), b.options(c.second))
			if _, made := os.Lstat(b.path); err != nil || !errors.Is(made, fs.ErrNotExist) {
				t.Errorf("looked at a lock that was never made: got %v, and of its file %v", err, made)
			}
			first := b.acquire(b.options(c.first))
			left := b.files()
			if err := lock.Look(t.Context(), b.options(c.second)); errors.Is(err, lock.ErrHeld) == c.free || b.files() != left {
				t.Errorf("looked: got %v, free is %t, and the owners %s, want %s", err, c.free, b.files(), left)
			}
			if c.free {
				b.release(b.acquire(b.options(c.second)))
			} else if got := b.held(b.options(c.second)); !slices.Equal(got, []lock.Owner{me()}) {
				t.Errorf("held by %v, want %v", got, me())
			}
			b.release(first)
			b.release(b.acquire(b.options(c.second)))
			if got := b.files(); got != "" {
				t.Errorf("%s is left", got)
			}
		})
	}
}

// All who share are named to whom they are in the way of, and only they.
func TestAllSharersAreNamed(t *testing.T) {
	b := newBench(t)
	for _, pid := range []int{1, 2, 3} {
		opts := b.options(lock.Shared)
		opts.Me.PID = pid
		b.acquire(opts)
	}
	got := b.held(b.options(lock.Exclusive))
	if len(got) != 3 || got[0].PID+got[1].PID+got[2].PID != 6 {
		t.Errorf("held by %v", got)
	}
}

func TestHeldErrorSaysWhoAndSince(t *testing.T) {
	for _, c := range []struct {
		owners []lock.Owner
		want   string
	}{
		{nil, "lock /root.lock is held"},
		{[]lock.Owner{me()}, "lock /root.lock is held by keepsake backup (process 100 on host) since 2026-11-23T03:00:00Z"},
		{[]lock.Owner{{}, {PID: 1, Host: "h", Since: since().In(time.FixedZone("", 3600))}}, "lock /root.lock is held by an owner that can't be read, and a process (process 1 on h) since 2026-11-23T03:00:00Z"},
	} {
		if got := (&lock.HeldError{Path: "/root.lock", Owners: c.owners}).Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// The time is when the lock was taken, not when the run began to wait.
func TestSince(t *testing.T) {
	b := newBench(t)
	opts := b.options(lock.Exclusive)
	opts.Now = func() time.Time { return since().Add(time.Hour) }
	b.acquire(opts)
	if got, want := b.held(b.options(lock.Shared))[0].Since, since().Add(time.Hour); !got.Equal(want) {
		t.Errorf("since is %v, want %v", got, want)
	}
}

func TestWaitEndsOnRelease(t *testing.T) {
	b := newBench(t)
	first := b.acquire(b.options(lock.Exclusive))
	released, done := make(chan struct{}), make(chan struct{})
	time.AfterFunc(100*time.Millisecond, func() {
		defer close(done)
		close(released)
		b.release(first)
	})
	opts := b.options(lock.Exclusive)
	opts.Wait = time.Minute
	opts.Now = func() time.Time { // asked when the lock has been taken
		select {
		case <-released:
		default:
			t.Error("taken while it was held")
		}
		return since()
	}
	b.acquire(opts)
	<-done
}

func TestWaitGivesUp(t *testing.T) {
	b := newBench(t)
	b.acquire(b.options(lock.Exclusive))
	opts := b.options(lock.Shared)
	opts.Wait = 100 * time.Millisecond
	began := time.Now()
	if got := b.held(opts); !slices.Equal(got, []lock.Owner{me()}) {
		t.Errorf("held by %v", got)
	}
	if took := time.Since(began); took < opts.Wait {
		t.Errorf("gave up after %v, want %v", took, opts.Wait)
	}
}

// Between taking a lock and saying so there is a moment.
func TestHolderSaysLateWhoItIs(t *testing.T) {
	for name, says := range map[string]bool{"Late": true, "Never": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			kernel := flock.New(b.path)
			if ok, err := kernel.TryLock(); err != nil || !ok {
				t.Fatal(ok, err)
			}
			defer kernel.Close()
			done := make(chan struct{})
			time.AfterFunc(5*time.Millisecond, func() {
				defer close(done)
				if says {
					b.leave("exclusive-LATE.json", me())
				}
			})
			if got := b.held(b.options(lock.Exclusive)); slices.Equal(got, []lock.Owner{me()}) != says {
				t.Errorf("held by %v", got)
			}
			<-done
		})
	}
}

func TestContextEndsTheWait(t *testing.T) {
	b := newBench(t)
	b.acquire(b.options(lock.Exclusive))
	opts := b.options(lock.Shared)
	opts.Wait = time.Hour
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	if _, err := lock.Acquire(ctx, opts); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, lock.ErrHeld) {
		t.Errorf("got %v, want that the context ended", err)
	}
	free := newBench(t)
	if l, err := lock.Acquire(ctx, free.options(lock.Shared)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an ended context: got %v, %v", l, err)
	}
	if _, err := os.Stat(free.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an ended context left a file: %v", err)
	}
}

func TestNoFolder(t *testing.T) {
	b := newBench(t)
	b.path = filepath.Join(filepath.Dir(b.path), "absent", "root.lock")
	if _, err := lock.Acquire(context.Background(), b.options(lock.Exclusive)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	if _, err := os.Stat(filepath.Dir(b.path)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder was made")
	}
}

func TestReleaseIsHarmless(t *testing.T) {
	var none *lock.Lock
	for _, l := range []*lock.Lock{none, {}} {
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
	b := newBench(t)
	l := b.acquire(b.options(lock.Exclusive))
	b.release(l)
	other := b.acquire(b.options(lock.Exclusive))
	b.release(l)
	if got := b.held(b.options(lock.Shared)); len(got) != 1 {
		t.Errorf("a second release let go of another's lock: held by %v", got)
	}
	b.release(other)
}

// What becomes of an owner whom the kernel doesn't keep out.
func TestOwnersLeftBehind(t *testing.T) {
	for _, c := range []struct {
		name  string
		owner func(*lock.Owner)
		alive func(lock.Owner) (bool, bool)
		held  bool
	}{
		{"Ended", func(o *lock.Owner) { o.PID = 7 }, running(100, "1"), false},
		{"EarlierBoot", func(o *lock.Owner) { o.PID, o.BootID = 200, "before" }, running(200, "1"), false},
		{"IDGivenAnew", func(o *lock.Owner) { o.PID, o.Start = 200, "5" }, running(200, "1"), false},
		{"OurIDGivenAnew", func(o *lock.Owner) { o.Start = "0" }, running(100, "1"), false},
		{"AnotherContainer", func(o *lock.Owner) { o.PID, o.Host = 200, "container" }, running(200, "1"), false},
		{"NobodyKnows", func(o *lock.Owner) { o.PID = 200 }, nil, false},
		{"IDInUseAndNoMore", func(o *lock.Owner) { o.PID, o.Start = 200, "" }, func(lock.Owner) (bool, bool) { return true, false }, false},
		{"NoBootIDAndEnded", func(o *lock.Owner) { o.PID, o.BootID = 200, "" }, running(100, "1"), false},
		// The kernel gave us a lock that they hold: the file was replaced under
		// them, or the file system doesn't keep locks.
		{"Running", func(o *lock.Owner) { o.PID = 200 }, running(200, "1"), true},
		{"NoBootIDAndRunning", func(o *lock.Owner) { o.PID, o.BootID = 200, "" }, running(200, "1"), true},
		{"AnotherMachine", func(o *lock.Owner) { o.Host, o.BootID = "elsewhere", "other" }, running(100, "1"), true},
		{"AnotherMachineWithoutBootID", func(o *lock.Owner) { o.Host, o.BootID = "elsewhere", "" }, running(100, "1"), true},
		{"CannotBeRead", func(o *lock.Owner) { *o = lock.Owner{} }, running(100, "1"), true},
	} {
		for _, mode := range []lock.Mode{lock.Exclusive, lock.Shared} {
			t.Run(fmt.Sprint(c.name, mode), func(t *testing.T) {
				b := newBench(t)
				left := me()
				c.owner(&left)
				b.leave("exclusive-LEFT.json", left)
				opts := b.options(mode)
				opts.Alive = c.alive
				if c.held {
					if got := b.held(opts); !slices.Equal(got, []lock.Owner{left}) {
						t.Errorf("held by %v, want %v", got, left)
					}
					if got := b.files(); got != "exclusive-LEFT.json" {
						t.Errorf("files are %s", got)
					}
					return
				}
				l := b.acquire(opts)
				if got := l.TookOver; !slices.Equal(got, []lock.Owner{left}) {
					t.Errorf("took over from %v, want %v", got, left)
				}
				if got := b.files(); strings.Contains(got, "LEFT") || len(strings.Fields(got)) != 1 {
					t.Errorf("files are %q, want our own", got)
				}
			})
		}
	}
}

// Who shares is not in the way of others that share, dead or elsewhere; only one
// who wants the lock alone looks.
func TestSharersLeftBehind(t *testing.T) {
	b := newBench(t)
	dead, away := me(), me()
	dead.PID, away.Host, away.BootID = 7, "elsewhere", "other"
	b.leave("shared-DEAD.json", dead)
	opts := b.options(lock.Shared)
	opts.Alive = running(100, "1")
	l := b.acquire(opts)
	if len(l.TookOver) != 0 {
		t.Errorf("took over from %v", l.TookOver)
	}
	b.release(l)
	b.leave("shared-AWAY.json", away)
	b.release(b.acquire(opts))
	opts.Mode = lock.Exclusive
	if got := b.held(opts); !slices.Equal(got, []lock.Owner{away}) {
		t.Errorf("held by %v, want %v", got, away)
	}
	if err := os.Remove(b.path + ".owners/shared-AWAY.json"); err != nil {
		t.Fatal(err)
	}
	if got := b.acquire(opts).TookOver; !slices.Equal(got, []lock.Owner{dead}) {
		t.Errorf("took over from %v, want %v", got, dead)
	}
}

// Another machine takes the lock at the same moment, on a file system where the
// kernels don't see each other: who looks second gives way, and leaves nothing.
func TestBothAtOnce(t *testing.T) {
	b := newBench(t)
	away := me()
	away.Host, away.BootID = "elsewhere", "other"
	opts := b.options(lock.Exclusive)
	opts.Now = func() time.Time { // after the first look, before our own file
		b.leave("exclusive-AWAY.json", away)
		return since()
	}
	if got := b.held(opts); !slices.Equal(got, []lock.Owner{away}) {
		t.Errorf("held by %v, want %v", got, away)
	}
	if got := b.files(); got != "exclusive-AWAY.json" {
		t.Errorf("files are %s", got)
	}
	// From now on nothing of ours shows up there.
	opts.Now = func() time.Time {
		t.Error("took the lock of another machine")
		return since()
	}
	b.held(opts)
}

// A machine that doesn't know its own name takes nobody for itself.
func TestNamelessMachine(t *testing.T) {
	b := newBench(t)
	b.leaveText("exclusive-TORN.json", "{")
	opts := b.options(lock.Exclusive)
	opts.Me.Host, opts.Me.BootID = "", ""
	if got := b.held(opts); !slices.Equal(got, []lock.Owner{{}}) {
		t.Errorf("held by %v", got)
	}
}

func TestTornOwnerFile(t *testing.T) {
	for _, text := range []string{"", "{", `{"pid":`, "[]"} {
		b := newBench(t)
		b.leaveText("exclusive-TORN.json", text)
		if got := b.held(b.options(lock.Shared)); len(got) != 1 {
			t.Errorf("%q: held by %v", text, got)
		}
	}
	b := newBench(t)
	b.leaveText(".new-ABC", "{") // it never came to be an owner
	b.leaveText("notes.txt", "hands off")
	b.acquire(b.options(lock.Exclusive))
}

// A lock file that is removed under its holder locks nobody out; the owner file
// still does.
func TestLockFileRemoved(t *testing.T) {
	b := newBench(t)
	opts := b.options(lock.Exclusive)
	opts.Alive = running(100, "1")
	b.acquire(opts)
	if err := os.Remove(b.path); err != nil {
		t.Skip(err) // Windows removes no open file
	}
	if got := b.held(opts); !slices.Equal(got, []lock.Owner{me()}) {
		t.Errorf("held by %v", got)
	}
}

func TestBreak(t *testing.T) {
	away := me()
	away.Host, away.BootID = "elsewhere", "other"
	t.Run("NeverMade", func(t *testing.T) {
		b := newBench(t)
		if got, err := lock.Break(b.options(0)); err != nil || len(got) != 0 {
			t.Errorf("got %v, %v", got, err)
		}
		if _, err := os.Stat(b.path); !errors.Is(err, fs.ErrNotExist) {
			t.Error("it was made")
		}
	})
	t.Run("LockFileGone", func(t *testing.T) {
		b := newBench(t)
		b.leave("exclusive-AWAY.json", away)
		if got, err := lock.Break(b.options(0)); err != nil || !slices.Equal(got, []lock.Owner{away}) {
			t.Errorf("got %v, %v", got, err)
		}
		b.acquire(b.options(0))
	})
	t.Run("Free", func(t *testing.T) {
		b := newBench(t)
		b.release(b.acquire(b.options(0)))
		if got, err := lock.Break(b.options(0)); err != nil || len(got) != 0 {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("AnotherMachine", func(t *testing.T) {
		b := newBench(t)
		b.leave("exclusive-AWAY.json", away)
		b.leaveText("shared-TORN.json", "{")
		b.leaveText(".new-ABC", "{")
		b.leaveText("notes.txt", "hands off")
		b.held(b.options(0))
		got, err := lock.Break(b.options(0))
		if err != nil || !slices.Equal(got, []lock.Owner{away, {}}) {
			t.Errorf("got %v, %v", got, err)
		}
		if got := b.files(); got != "notes.txt" {
			t.Errorf("files are %s", got)
		}
		if got := b.acquire(b.options(0)).TookOver; len(got) != 0 {
			t.Errorf("took over from %v", got)
		}
	})
	for _, mode := range []lock.Mode{lock.Exclusive, lock.Shared} {
		t.Run(fmt.Sprint("Held", mode), func(t *testing.T) {
			b := newBench(t)
			b.acquire(b.options(mode))
			before := b.files()
			got, err := lock.Break(b.options(0))
			var held *lock.HeldError
			if !errors.As(err, &held) || !slices.Equal(held.Owners, []lock.Owner{me()}) || got != nil {
				t.Errorf("got %v, %v, want a HeldError", got, err)
			}
			if got := b.files(); got != before {
				t.Errorf("files are %s, want %s", got, before)
			}
		})
	}
	t.Run("LiveBeyondTheKernel", func(t *testing.T) {
		b := newBench(t)
		b.release(b.acquire(b.options(0)))
		here := me()
		here.PID = 200
		b.leave("exclusive-HERE.json", here)
		b.leave("exclusive-AWAY.json", away)
		opts := b.options(0)
		opts.Alive = running(200, "1")
		_, err := lock.Break(opts)
		var held *lock.HeldError
		if !errors.As(err, &held) || !slices.Equal(held.Owners, []lock.Owner{here}) {
			t.Errorf("got %v, want a HeldError of %v", err, here)
		}
		if got, want := b.files(), "exclusive-AWAY.json exclusive-HERE.json"; got != want {
			t.Errorf("files are %s, want %s", got, want)
		}
	})
}

func TestAliveBy(t *testing.T) {
	alive := lock.AliveBy(func(pid int) bool { return pid == os.Getpid() })
	mine := lock.StartOf(os.Getpid())
	for _, c := range []struct {
		name         string
		owner        lock.Owner
		alive, known bool
	}{
		{"Gone", lock.Owner{PID: -7, Start: mine}, false, true},
		{"NoStart", lock.Owner{PID: os.Getpid()}, true, false},
		{"Itself", lock.Owner{PID: os.Getpid(), Start: mine}, true, mine != ""},
		{"GivenAnew", lock.Owner{PID: os.Getpid(), Start: "x"}, mine == "", mine != ""},
	} {
		if got, known := alive(c.owner); got != c.alive || known != c.known {
			t.Errorf("%s: got %v, %v, want %v, %v", c.name, got, known, c.alive, c.known)
		}
	}
}

// A lock that is removed leaves no file, and nobody who waits for it is locked out; where
// somebody else says that he holds it, the files stay.
func TestRemove(t *testing.T) {
	b := newBench(t)
	l := b.acquire(b.options(lock.Exclusive))
	got := make(chan error)
	waits := b.options(lock.Exclusive)
	waits.Wait = time.Minute
	var next *lock.Lock
	go func() {
		var err error
		next, err = lock.Acquire(context.Background(), waits)
		got <- err
	}()
	if err := l.Erase(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	if held := b.held(b.options(lock.Shared)); len(held) != 1 {
		t.Errorf("held by %v, want the one who waited", held)
	}
	if err := errors.Join(next.Erase(), next.Erase()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{b.path, b.path + ".owners"} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	l = b.acquire(b.options(lock.Exclusive))
	b.leaveText("exclusive-other.json", "another machine's")
	if err := l.Erase(); err != nil {
		t.Fatal(err)
	}
	if got := b.files(); got != "exclusive-other.json" {
		t.Errorf("the owners are %q, want the other one", got)
	}
	if _, err := os.Lstat(b.path); err != nil {
		t.Error(err)
	}
}
