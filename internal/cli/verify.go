package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// verified is the --json of one bundle that was verified.
type verified struct {
	Bundle   string           `json:"bundle"`
	Path     string           `json:"path"`
	Level    string           `json:"level"`
	OK       bool             `json:"ok"`
	Rows     int64            `json:"rows"`
	Bytes    int64            `json:"bytes"`
	Findings []memory.Finding `json:"findings"`
	// Drill is what --level restore saw beside that.
	Drill *drilled `json:"drill,omitempty"`
}

func (a *app) verifyCommand() *cobra.Command {
	var level, to string
	var all bool
	cmd := &cobra.Command{
		Use:   "verify BUNDLE... | --all",
		Short: "Check bundles: hashes, and every row",
		Long: `Reads a bundle and reports everything that is wrong with it, each with file and
line. quick compares hashes; full also scans every row; restore is a drill: it
restores the bundle into a temporary folder, reads everything back, and compares
every record. With --to the vectors go into a scratch database of a Chroma, are
searched there, and taken away again.`,
		Example: `  keepsake verify latest
  keepsake verify --all --level quick
  keepsake verify latest --level restore
  keepsake verify latest --level restore \
    --to chroma:http://localhost:9000/default_tenant/scratch`,
		GroupID: "main",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verify(cmd.Context(), args, verifyFlags{level, all, to})
		},
	}
	cmd.Flags().StringVar(&level, "level", "full", "how much to check: quick, full, restore")
	cmd.Flags().BoolVar(&all, "all", false, "verify every bundle in the backup root")
	a.latestFlags(cmd.Flags())
	cmd.Flags().StringVar(&to, "to", "", "with --level restore: the scratch database, a `STORE`, that the vectors go into")
	return cmd
}

type verifyFlags struct {
	level string
	all   bool
	to    string
}

func (f verifyFlags) check(names []string) (bundle.Level, error) {
	levels := map[string]bundle.Level{"quick": bundle.Quick, "full": bundle.Full, "restore": catalog.Drill}
	l, ok := levels[f.level]
	switch {
	case !ok:
		return l, usage(fmt.Errorf("--level %q is none of quick, full, restore", f.level))
	case f.to != "" && l != catalog.Drill:
		return l, usage(errors.New("--to goes with --level restore only"))
	case f.all == (len(names) > 0):
		return l, usage(errors.New("name bundles, or say --all"))
	}
	return l, nil
}

func (a *app) verify(ctx context.Context, names []string, f verifyFlags) error {
	level, err := f.check(names)
	if err != nil {
		return err
	}
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	defer m.release()
	if err := m.lockRoot(ctx, lock.Shared); err != nil {
		return err
	}
	bundles, err := a.bundles(m, names, f.all)
	if err != nil {
		return err
	}
	out := []verified{}
	for _, b := range bundles {
		v, err := a.verifyAt(ctx, m, b, level, f.to)
		if err != nil {
			return err
		}
		out = append(out, v)
	}
	if a.flags.asJSON {
		if err := a.printJSON(map[string]any{"bundles": out}); err != nil {
			return err
		}
	}
	return endVerify(out)
}

func endVerify(all []verified) error {
	bad := 0
	for _, v := range all {
		if !v.OK {
			bad++
		}
	}
	switch {
	case len(all) == 0:
		return fail(exitNotFound, errors.New("there is no bundle to verify"), "")
	case bad > 0:
		return fail(exitNotVerified, fmt.Errorf("%d of %s do not verify", bad, plural(int64(len(all)), "bundle")),
			"keep them, and restore from another one: keepsake list")
	}
	return nil
}

func (a *app) verifyAt(ctx context.Context, m *memoryAt, b *bundle.Bundle, level bundle.Level, to string) (verified, error) {
	if level == catalog.Drill {
		return a.drillOne(ctx, m, b, to)
	}
	return a.verifyOne(ctx, m, b, level)
}

func (a *app) verifyOne(ctx context.Context, m *memoryAt, b *bundle.Bundle, level bundle.Level) (verified, error) {
	p, began := a.progress(), a.Now()
	p.Begin("check", memory.Section(b.Name()), -1)
	report, err := b.Verify(ctx, level, bundle.VerifyOptions{
		Progress: func(_ memory.Section, rows, bytes int64) { p.Advance(rows, bytes) },
	})
	p.End()
	if err != nil {
		return verified{}, fmt.Errorf("verify %s: %w", b.Name(), err)
	}
	v := verified{
		Bundle: b.Name(), Path: b.Path(), Level: string(level), OK: !report.Refused(),
		Findings: report.Findings,
	}
	for _, s := range report.Sections {
		v.Rows += s.Rows
		v.Bytes += s.Bytes
	}
	m.note(b, catalog.Verification{
		At: began.UTC(), Level: level, OK: v.OK, Tool: tool(),
		Seconds: a.Now().Sub(began).Seconds(), Rows: v.Rows, Refusals: refusals(report.Findings),
	})
	a.printFindings(report.Findings)
	word := "ok"
	if !v.OK {
		word = "DOES NOT VERIFY"
	}
	a.say("%s  %s rows, %s: %s\n", v.Bundle, count(v.Rows), size(v.Bytes), word)
	return v, nil
}

// note writes down what became of a verification, beside a bundle of the backup
// root. A result that can't be written down is still one.
func (m *memoryAt) note(b *bundle.Bundle, v catalog.Verification) {
	if !m.shelves(b) {
		return
	}
	if err := catalog.UpdateNotes(m.root(), b.Name(), func(n *catalog.Notes) { n.Add(v) }); err != nil {
		m.app.warn("the result is not on record: %v", err)
	}
}

func refusals(findings []memory.Finding) (n int) {
	for _, f := range findings {
		if f.Level == memory.Refusal {
			n++
		}
	}
	return n
}

// progress returns what draws the progress of a run.
func (a *app) progress() store.Progress {
	style := a.flags.progress
	if a.flags.quiet && style == "auto" {
		style = "none"
	}
	if m := newMeter(a.Stderr, style, terminal(a.Stderr), a.flags.asJSON, a.Now); m != nil {
		return m
	}
	return store.Quiet{}
}
