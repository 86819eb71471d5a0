//go:build bench

package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// tool is the built program, and a memory of its own to run it on.
type tool struct {
	binary  string
	scratch string
	dataDir string
}

func buildTool(ctx context.Context, dir string) (*tool, error) {
	k := &tool{binary: filepath.Join(dir, "keepsake"), scratch: dir, dataDir: filepath.Join(dir, "agent", ".neo-ai-data")}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", k.binary, "keepsake/cmd/keepsake")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build keepsake: %w\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Join(k.dataDir, "sqlite"), 0o755); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	return k, nil
}

// run measures one command. The environment holds nothing of the operator's; that
// it allows a replace is one of the two factors, for a memory of the run's own.
func (k *tool) run(ctx context.Context, setting string, args ...string) (outcome, error) {
	env := []string{"HOME=" + k.scratch, "PATH=" + os.Getenv("PATH"), "NEO_ALLOW_PRODUCTION_DESTRUCTIVE=true", setting}
	command := append([]string{k.binary}, args...)
	o, err := measure(ctx, env, append(command, "--data-dir", k.dataDir, "--json", "--progress", "none")...)
	if err == nil && o.Exit != 0 {
		err = fmt.Errorf("exit code %d: %s", o.Exit, o.Stdout)
	}
	if err != nil {
		return o, fmt.Errorf("keepsake %s: %w", args[0], err)
	}
	return o, nil
}

// servedBy points keepsake's memories at a server.
func servedBy(server string) string { return "KEEPSAKE_MC_CHROMA=chroma:" + server }

// bundle is what a backup made, in a root of its own.
type bundle struct {
	root    string
	path    string
	payload string // its one file of records
	bytes   int64  // of the payload
}

func (b *bundle) drop() error { return os.RemoveAll(b.root) }

// backup backs up the memories of a server and counts the rows in the bundle.
func (k *tool) backup(ctx context.Context, f *filled) (*bundle, outcome, error) {
	return k.backupSection(ctx, "mc/memory", "mc/memory-backup-*.jsonl", servedBy(f.URL()), f.rows)
}

// backupSection backs up one section, whose records are in one file.
func (k *tool) backupSection(ctx context.Context, section, file, setting string, rows int) (*bundle, outcome, error) {
	root, err := os.MkdirTemp(k.scratch, "bundles-")
	if err != nil {
		return nil, outcome{}, fmt.Errorf("make backup root: %w", err)
	}
	o, err := k.run(ctx, setting, "backup", "--only", section, "--backup-root", root)
	if err != nil {
		return nil, o, err
	}
	b, err := openBundle(root, file)
	if err != nil {
		return nil, o, err
	}
	return b, o, b.expect(rows)
}

func openBundle(root, file string) (*bundle, error) {
	path, err := onlyMatch(filepath.Join(root, "backup-*"))
	if err != nil {
		return nil, err
	}
	payload, err := onlyMatch(filepath.Join(path, filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	return &bundle{root: root, path: path, payload: payload}, nil
}

func onlyMatch(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", pattern, err)
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d files are named %s, want 1", len(found), filepath.Base(pattern))
	}
	return found[0], nil
}

// expect is an error when the payload has not exactly so many lines.
func (b *bundle) expect(rows int) error {
	n, size, err := countLines(b.payload)
	if err != nil {
		return err
	}
	b.bytes = size
	if n != rows {
		return fmt.Errorf("the bundle has %d rows, want %d", n, rows)
	}
	return nil
}

func countLines(path string) (lines int, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, fmt.Errorf("open payload: %w", err)
	}
	defer f.Close()
	chunk := make([]byte, 1<<20)
	for {
		n, err := f.Read(chunk)
		lines += bytes.Count(chunk[:n], []byte{'\n'})
		size += int64(n)
		if err == io.EOF {
			return lines, size, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read payload: %w", err)
		}
	}
}

// restored is what a restore's receipt says of its one section.
type restored struct {
	outcome

	Added, Same, Records int
	MergeSeconds         float64
	ProofSeconds         float64
}

func (r restored) merge() time.Duration { return time.Duration(r.MergeSeconds * float64(time.Second)) }

func (r restored) proof() time.Duration { return time.Duration(r.ProofSeconds * float64(time.Second)) }

// preflight is all that was neither merge nor proof: the program's start and the
// receipt are in it.
func (r restored) preflight() time.Duration { return r.Wall - r.merge() - r.proof() }

// String says where the time went.
func (r restored) String() string {
	return fmt.Sprintf("%s, of which preflight %s, merge %s, proof %s; CPU %s, peak %s", seconds(r.Wall),
		seconds(r.preflight()), seconds(r.merge()), seconds(r.proof()), seconds(r.CPU), mebibytes(r.Memory))
}

// restore merges a bundle and checks that all its rows are in.
func (k *tool) restore(ctx context.Context, b *bundle, setting string, rows, added int, flags ...string) (restored, error) {
	o, err := k.run(ctx, setting, append([]string{"restore", b.path, "--backup-root", b.root}, flags...)...)
	if err != nil {
		return restored{}, err
	}
	var receipt struct{ Sections []restored }
	if err := json.Unmarshal(o.Stdout, &receipt); err != nil {
		return restored{}, fmt.Errorf("read receipt: %w", err)
	}
	if len(receipt.Sections) != 1 {
		return restored{}, fmt.Errorf("the receipt has %d sections, want 1", len(receipt.Sections))
	}
	r := receipt.Sections[0]
	r.outcome = o
	if r.Records != rows || r.Same != rows || r.Added != added {
		return r, fmt.Errorf("of %d rows %d were added and %d are the same, want %d added of %d", r.Records, r.Added, r.Same, added, rows)
	}
	return r, nil
}
