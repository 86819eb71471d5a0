package lock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepsake/internal/lock"
)

// childEnv makes this test binary a process that holds a lock: its path, and how.
const childEnv = "KEEPSAKE_TEST_LOCK"

func TestMain(m *testing.M) {
	if what, ok := os.LookupEnv(childEnv); ok {
		if err := hold(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// hold holds a lock until its standard input ends.
func hold(what string) error {
	how, path, _ := strings.Cut(what, " ")
	opts := lock.Options{Path: path, Me: itself()}
	if how == "shared" {
		opts.Mode = lock.Shared
	}
	if how != "none" {
		l, err := lock.Acquire(context.Background(), opts)
		if err != nil {
			return err
		}
		defer func() { _ = l.Release() }() // who waits for it will see
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// itself is this process as it is.
func itself() lock.Owner {
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	pid := os.Getpid()
	return lock.Owner{PID: pid, Host: host, BootID: strings.TrimSpace(string(boot)), Start: lock.StartOf(pid), Command: "test", Since: since()}
}

func exists(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil || runtime.GOOS == "windows" {
		return err == nil
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, syscall.EPERM)
}

// real are the options of a process that is really there.
func (b *bench) real(mode lock.Mode) lock.Options {
	return lock.Options{Path: b.path, Mode: mode, Me: itself(), Alive: lock.AliveBy(exists)}
}

// child is a process that holds the lock, or only runs.
type child struct {
	*exec.Cmd
	stdin io.Closer
}

func (b *bench) child(how string) *child {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+how+" "+b.path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		b.Fatalf("the process said %q, %v", line, err)
	}
	return &child{cmd, stdin}
}

// kill ends a process as nothing else does: it cleans nothing up.
func (c *child) kill(t testing.TB) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // the kill is its error
}

// modes are the modes, by what a child calls them.
func modes() map[string]lock.Mode {
	return map[string]lock.Mode{"exclusive": lock.Exclusive, "shared": lock.Shared}
}

// T9: between processes, held, named, and taken over after a kill -9.
func TestT9_KilledProcess(t *testing.T) {
	for how, theirs := range modes() {
		for name, ours := range modes() {
			t.Run(how+" then "+name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				c := b.child(how)
				both := theirs == lock.Shared && ours == lock.Shared
				if both {
					b.release(b.acquire(b.real(ours)))
				} else if got := b.held(b.real(ours)); len(got) != 1 || got[0].PID != c.Process.Pid || got[0].Start != lock.StartOf(c.Process.Pid) {
					t.Errorf("held by %v, want process %d", got, c.Process.Pid)
				}
				if got, err := lock.Break(b.real(0)); !errors.Is(err, lock.ErrHeld) {
					t.Errorf("broken under a live process: %v, %v", got, err)
				}
				c.kill(t)
				l := b.acquire(b.real(lock.Exclusive))
				if got := l.TookOver; len(got) != 1 || got[0].PID != c.Process.Pid {
					t.Errorf("took over from %v, want process %d", got, c.Process.Pid)
				}
				b.release(l)
				if got := b.files(); got != "" {
					t.Errorf("%s is left", got)
				}
			})
		}
	}
}

// The wait ends when another process lets go, and when it is killed.
func TestWaitForProcess(t *testing.T) {
	for name, end := range map[string]func(*child){
		"Releases": func(c *child) { _ = c.stdin.Close() },
		"Killed":   func(c *child) { _ = c.Process.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c := b.child("exclusive")
			b.held(b.real(lock.Exclusive))
			opts := b.real(lock.Exclusive)
			opts.Wait = time.Minute
			time.AfterFunc(50*time.Millisecond, func() { end(c) })
			l := b.acquire(opts)
			if got, want := len(l.TookOver) == 1, name == "Killed"; got != want {
				t.Errorf("took over from %v", l.TookOver)
			}
		})
	}
}

// A process runs that was given the id of a dead owner.
func TestT9_ProcessIDGivenAnew(t *testing.T) {
	b := newBench(t)
	c := b.child("none")
	left := itself()
	left.PID, left.Start = c.Process.Pid, "1"
	b.leave("exclusive-LEFT.json", left)
	if got := b.acquire(b.real(lock.Exclusive)).TookOver; len(got) != 1 || got[0].PID != c.Process.Pid {
		t.Errorf("took over from %v", got)
	}
}

// The same, but it is that process, and holds a lock that the kernel has lost.
func TestProcessBehindALostLock(t *testing.T) {
	if lock.StartOf(os.Getpid()) == "" {
		t.Skip("this system doesn't say when a process started")
	}
	b := newBench(t)
	c := b.child("exclusive")
	if err := os.Remove(b.path); err != nil {
		t.Fatal(err)
	}
	if got := b.held(b.real(lock.Exclusive)); len(got) != 1 || got[0].PID != c.Process.Pid {
		t.Errorf("held by %v, want process %d", got, c.Process.Pid)
	}
	if _, err := lock.Break(b.real(0)); !errors.Is(err, lock.ErrHeld) {
		t.Errorf("broken under a live process: %v", err)
	}
	c.kill(t)
	b.acquire(b.real(lock.Exclusive))
}
