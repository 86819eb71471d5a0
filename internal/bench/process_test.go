//go:build bench

package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// outcome is what an ended process did and took.
type outcome struct {
	Exit   int
	Wall   time.Duration
	CPU    time.Duration // user and system
	Memory int64         // the peak, in bytes
	Stdout []byte
}

// roles are what this binary is when it starts itself: its first argument says
// which. A role gets the other arguments and prints to w.
func roles() map[string]func(args []string, w io.Writer) error {
	return map[string]func([]string, io.Writer) error{
		"look":         lookRole,
		"measure":      measureRole,
		"plain-backup": plainBackupRole,
		"plain-import": plainImportRole,
	}
}

// playRole carries out the role that the arguments name, if they name one.
func playRole(args []string) (played bool, err error) {
	if len(args) == 0 {
		return false, nil
	}
	role, ok := roles()[args[0]]
	if !ok {
		return false, nil
	}
	return true, role(args[1:], os.Stdout)
}

// measure runs a command and says what it took. The command is started by a
// small process between it and this one: Linux counts the memory of whoever
// starts a process into its peak, and this one holds bodies of requests.
func measure(ctx context.Context, env []string, command ...string) (outcome, error) {
	var o outcome
	self, err := os.Executable()
	if err != nil {
		return o, fmt.Errorf("find own binary: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"measure"}, command...)...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return o, fmt.Errorf("measure %s: %w", command[0], err)
	}
	if err := json.Unmarshal(answer, &o); err != nil {
		return o, fmt.Errorf("read measures: %w", err)
	}
	return o, nil
}

// measureSelf measures this binary in another role.
func measureSelf(ctx context.Context, args ...string) (outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return outcome{}, fmt.Errorf("find own binary: %w", err)
	}
	o, err := measure(ctx, os.Environ(), append([]string{self}, args...)...)
	if err == nil && o.Exit != 0 {
		err = fmt.Errorf("%s: exit code %d", args[0], o.Exit)
	}
	return o, err
}

func measureRole(args []string, w io.Writer) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	stdout, err := cmd.Output()
	wall := time.Since(start)
	if cmd.ProcessState == nil {
		return fmt.Errorf("start: %w", err)
	}
	p := cmd.ProcessState
	return json.NewEncoder(w).Encode(outcome{
		Exit: p.ExitCode(), Wall: wall, CPU: p.UserTime() + p.SystemTime(), Memory: peakMemory(p), Stdout: stdout,
	})
}
