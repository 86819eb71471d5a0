package cli_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
)

// command is keepsake in a process of its own.
func (a *agent) command(ctx context.Context, args ...string) (cmd *exec.Cmd, out *bytes.Buffer) {
	cmd, out = exec.CommandContext(ctx, "keepsake", args...), &bytes.Buffer{}
	cmd.Dir, cmd.Env = a.home, os.Environ()
	for name, value := range a.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// killedAfter runs a command in a process that is killed so long after its start,
// unless it has ended by then.
func (a *agent) killedAfter(d time.Duration, args ...string) {
	a.t.Helper()
	ctx, cancel := context.WithCancel(a.t.Context())
	defer cancel()
	cmd, out := a.command(ctx, args...)
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	time.AfterFunc(d, cancel)
	err := cmd.Wait()
	if err != nil && !errors.Is(err, context.Canceled) && cmd.ProcessState.ExitCode() != -1 {
		a.t.Fatalf("keepsake %s: got %v\n%s", strings.Join(args, " "), err, out)
	}
}

// withoutPlace makes a bundle one of an older version, which named no place.
func withoutPlace(t *testing.T, path string) {
	t.Helper()
	meta, sums := filepath.Join(path, bundle.MetaFile), filepath.Join(path, bundle.SumsFile)
	seal := regexp.MustCompile(`"seal": "([0-9a-f]{64})"`)
	text := regexp.MustCompile(`(?s)\n *"place": \{.*?\},`).ReplaceAllString(readFile(t, meta), "")
	text = seal.ReplaceAllString(text, `"seal": "`+strings.Repeat("0", 64)+`"`)
	text = seal.ReplaceAllString(text, fmt.Sprintf(`"seal": "%x"`, sha256.Sum256([]byte(text))))
	listed := regexp.MustCompile(`(?m)^[0-9a-f]{64}(  `+regexp.QuoteMeta(bundle.MetaFile)+`)$`).
		ReplaceAllString(readFile(t, sums), fmt.Sprintf("%x$1", sha256.Sum256([]byte(text))))
	for name, content := range map[string]string{meta: text, sums: listed} {
		if err := errors.Join(os.Chmod(name, 0o600), os.WriteFile(name, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}
