//go:build bench

package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// replaceBound is times merging the same rows into an empty collection.
const replaceBound = 1.15

// replace puts a bundle in the place of the same rows, on a server into which it
// was merged a moment ago, once more into an empty collection.
func (b *bench) replace(ctx context.Context) error {
	m, err := b.mergedIn(ctx)
	if err != nil {
		return err
	}
	rows := b.options.rows
	beside, err := b.tool.restore(ctx, b.bundle, servedBy(m.URL()), rows, rows, "--as", "mc/memory=beside")
	if err != nil {
		return err
	}
	b.say("merge beside it in %s", beside)
	r, err := b.tool.replace(ctx, b.bundle, m.live, rows)
	if err != nil {
		return err
	}
	b.say("replace in %s", r)
	b.report.times("replace of the same rows, but for the safety bundle", r.Wall-r.safety, beside.Wall, "merging them into an empty collection beside", replaceBound)
	b.report.figure("replace, the safety bundle", seconds(r.safety))
	b.report.sizes("replace, peak memory", r.Memory, beside.Memory, "that merge's", 0)
	b.reportEstimates(b.options.shape, r)
	return b.replaceSmall(ctx)
}

// replaceSmall is for the estimates, at another size.
func (b *bench) replaceSmall(ctx context.Context) (err error) {
	small, err := b.newFilled(ctx, b.options.small())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, small.drop()) }()
	made, _, err := b.tool.backup(ctx, small)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, made.drop()) }()
	r, err := b.tool.replace(ctx, made, small.live, small.rows)
	if err != nil {
		return err
	}
	b.reportEstimates(small.shape, r)
	return nil
}

func (b *bench) reportEstimates(s shape, r replaced) {
	estimated := time.Duration(r.Estimate.Seconds * float64(time.Second))
	b.report.times("replace of "+s.String()+", the time that the plan gave", estimated, r.Wall, "what it took", 0)
	b.report.sizes("replace of "+s.String()+", the disk that the plan gave", r.Estimate.StagedBytes, r.grown, "what the server's folder grew by", 0)
}

// replaced is what a replace of one section took, and what its plan had said.
type replaced struct {
	outcome

	Token    string
	Estimate struct {
		StagedBytes int64
		Seconds     float64
	}
	safety, stage, check time.Duration
	grown                int64
}

// String says where the time went.
func (r replaced) String() string {
	return fmt.Sprintf("%s, of which safety bundle %s, staging %s, check %s; CPU %s, peak %s", seconds(r.Wall),
		seconds(r.safety), seconds(r.stage), seconds(r.check), seconds(r.CPU), mebibytes(r.Memory))
}

// replace makes a server's memories the bundle, after a plan.
func (k *tool) replace(ctx context.Context, b *bundle, on live, rows int) (replaced, error) {
	var r replaced
	command := []string{"restore", b.path, "--backup-root", b.root, "--mode", "replace", "--force"}
	plan, err := k.run(ctx, servedBy(on.URL()), append(command, "--plan")...)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(plan.Stdout, &r); err != nil {
		return r, fmt.Errorf("read plan: %w", err)
	}
	before, err := bytesIn(on.Dir())
	if err != nil {
		return r, err
	}
	if r.outcome, err = k.run(ctx, servedBy(on.URL()), append(command, "--confirm", r.Token)...); err != nil {
		return r, err
	}
	after, err := bytesIn(on.Dir())
	if err != nil {
		return r, err
	}
	r.grown = after - before
	return r, r.took(rows)
}

// took reads the receipt, and the steps beside it.
func (r *replaced) took(rows int) (err error) {
	var receipt struct {
		Dir      string
		Complete bool
		Sections []struct {
			After                      int
			MergeSeconds, ProofSeconds float64
		}
	}
	if err := json.Unmarshal(r.Stdout, &receipt); err != nil {
		return fmt.Errorf("read receipt: %w", err)
	}
	if !receipt.Complete || len(receipt.Sections) != 1 || receipt.Sections[0].After != rows {
		return fmt.Errorf("want one section of %d rows, complete: %s", rows, r.Stdout)
	}
	r.stage = time.Duration(receipt.Sections[0].MergeSeconds * float64(time.Second))
	r.check = time.Duration(receipt.Sections[0].ProofSeconds * float64(time.Second))
	r.safety, err = between(filepath.Join(receipt.Dir, "steps.jsonl"), "begun", "safety")
	return err
}

// between is the time from one step of a replace to another.
func between(path, from, to string) (time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("open steps: %w", err)
	}
	defer f.Close()
	at := map[string]time.Time{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var step struct {
			Step string
			At   time.Time
		}
		if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
			return 0, fmt.Errorf("read steps: %w", err)
		}
		at[step.Step] = step.At
	}
	if at[from].IsZero() || at[to].IsZero() {
		return 0, fmt.Errorf("read steps: there is no %s or no %s", from, to)
	}
	return at[to].Sub(at[from]), nil
}

// bytesIn adds up the files of a folder. Some come and go.
func bytesIn(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil && !d.IsDir() {
			if info, err = d.Info(); err == nil {
				sum += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return sum, err
}
