package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

type backupFlags struct {
	keeper.Backup

	compress      string
	acceptLineage []string
}

func (a *app) backupCommand() *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Make one verified bundle of the memory, or nothing",
		Long: `Reads every section of the memory into one bundle, checks that every row that
was there throughout is in it, reads the bundle back, and only then makes it
visible. A backup that can't be whole publishes nothing.

Each section and each source is compared with the last good bundle: one that is
gone, has lost its rows, lines or files or more than half of them, or is another
collection of other rows, is suspect. The bundle is published, degraded, and the
code is 3; --accept-lineage says that it is the memory all the same. Another
collection than there was, without a row, is refused with code 8.`,

		Example: `  keepsake backup
  keepsake backup --dry-run
  keepsake backup --only kb,graph --compress zstd`,
		GroupID: "main",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.backup(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.Only, "only", nil, "back up only these subsystems or `sections`: kb,mc/memory")
	flags.BoolVarP(&f.DryRun, "dry-run", "n", false, "read and judge all of it, print what the bundle would hold, and write nothing")
	flags.StringVar(&f.compress, "compress", "", "compress the bundle's files: none, zstd (Neo's own restore reads none only)")
	flags.BoolVar(&f.AllowDegraded, "allow-degraded", false, "publish also when a section can't be read, and end with code 3")
	flags.StringArrayVar(&f.acceptLineage, "accept-lineage", nil, "take a `section` or source that is suspect for a new beginning, or one that is gone for ended: mc/memory, notes (repeatable)")
	flags.StringToStringVar(&f.Tags, "tag", nil, "write `key=value` into the bundle's meta (repeatable)")
	flags.Lookup("tag").DefValue = "" // pflag would print it as [], in brackets of its own
	return cmd
}

func (a *app) backup(ctx context.Context, f backupFlags) (err error) {
	if f.Compress, err = compression(f.compress); err != nil {
		return err
	}
	for _, v := range f.acceptLineage {
		s := memory.Section(v)
		if v == "" || strings.HasSuffix(v, "/") || !s.Subsystem().Valid() { // notes/2026/plan.md is one, too, and notes
			return usage(fmt.Errorf("--accept-lineage %s: want a section like mc/memory, or a source", v))
		}
		f.AcceptLineage = append(f.AcceptLineage, s)
	}
	m, err := a.memory(false)
	if err != nil {
		return err
	}
	defer m.Close()
	receipt, after, err := m.Backup(ctx, f.Backup)
	if err != nil {
		if receipt != nil {
			a.printFindings(receipt.Findings)
		}
		return err
	}
	if err := a.printBackup(receipt, after); err != nil {
		return err
	}
	return endPublished(receipt, after)
}

// endPublished gives a bundle that is there its exit code. That it lacks something
// weighs more than what retention came to, which is said all the same.
func endPublished(r *backup.Receipt, after *keeper.Removing) error {
	degraded := r.Degraded()
	for _, s := range r.Sections {
		degraded = degraded || s.Status == bundle.Fail
	}
	ground := keeper.Failed
	if degraded {
		ground = keeper.Degraded
	}
	switch {
	case after != nil && after.Err != nil && r.DryRun:
		return fail(ground, "", fmt.Errorf("the bundle would be published, but %w", after.Err))
	case after != nil && after.Err != nil:
		return fail(ground, "", fmt.Errorf("the bundle is published, but %w", after.Err))
	case degraded:
		return end(ground)
	}
	return nil
}

// backedUp is the --json of a backup.
type backedUp struct {
	*backup.Receipt

	Retention *keeper.Removing `json:"retention,omitempty"`
}

func (a *app) printBackup(r *backup.Receipt, after *keeper.Removing) error {
	a.printFindings(r.Findings)
	if a.flags.asJSON {
		return a.printJSON(backedUp{r, after})
	}
	if a.flags.quiet {
		return nil
	}
	if r.DryRun {
		return a.printSurvey(r)
	}
	a.say("%s\n\n", r.Path)
	if err := sectionTable(r).write(a.Stdout); err != nil {
		return err
	}
	a.say("\n%s rows, %s, %s in %.1f s\n", quantity.Count(r.Rows), quantity.Size(r.Bytes), r.Status, r.EndedAt.Sub(r.StartedAt).Seconds())
	return a.printAfter(after)
}

// printSurvey prints what a backup would hold.
func (a *app) printSurvey(r *backup.Receipt) error {
	a.say("A backup now would hold:\n\n")
	var sections []placed
	for _, g := range gather(r.Sections, func(s backup.SectionReceipt) memory.Section { return s.Section }, calm) {
		first := g.sections[0]
		at := first.Locator
		if len(g.sections) > 1 {
			at.Path = folderOf(at.Path, first.Section)
		}
		rows := rowCount(g.sum(func(s backup.SectionReceipt) int64 { return s.Rows }))
		size := quantity.Size(g.sum(func(s backup.SectionReceipt) int64 { return s.Bytes }))
		sections = append(sections, placed{memory.Section(g.name), []string{rows, size, string(first.Status)}, at})
	}
	if err := a.printPlaced([]string{"rows", "size", "status"}, sections); err != nil {
		return err
	}
	a.say("\n%s rows, %s, %s: all was read, and nothing was written\n", quantity.Count(r.Rows), quantity.Size(r.Bytes), r.Status)
	return nil
}

// calm reports whether a file has nothing to be said about it.
func calm(s backup.SectionReceipt) bool {
	return isFile(s.Locator) && s.Status == bundle.Pass && s.Reason == ""
}

// rowCount says of a count that failed that it is unknown.
func rowCount(n int64) string {
	if n < 0 {
		return "unknown"
	}
	return quantity.Count(n)
}

func sectionTable(r *backup.Receipt) *table {
	t := &table{header: []string{"section", "rows", "since", "size", "status"}, right: map[int]bool{1: true, 2: true, 3: true}}
	for _, g := range gather(r.Sections, func(s backup.SectionReceipt) memory.Section { return s.Section }, calm) {
		first := g.sections[0]
		var since []*memory.Since
		for _, s := range g.sections {
			since = append(since, s.Since)
		}
		if gone := r.RemovedOf(first.Section.Subsystem()); gone > 0 && len(g.sections) > 1 {
			since = append(since, &memory.Since{Known: true, Removed: gone})
		}
		t.add(g.name, rowCount(g.sum(func(s backup.SectionReceipt) int64 { return s.Rows })), sinceText(since...),
			quantity.Size(g.sum(func(s backup.SectionReceipt) int64 { return s.Bytes })), string(first.Status))
	}
	return t
}

// printFindings prints what a check saw, to standard error.
func (a *app) printFindings(findings []memory.Finding) {
	for _, f := range findings {
		switch {
		case f.Level == memory.Note && (a.flags.quiet || a.flags.asJSON):
			continue
		case a.flags.asJSON:
			continue // they are in the document
		}
		fmt.Fprintf(a.Stderr, "%s: %s\n", f.Level, f.String())
		if f.Hint != "" {
			fmt.Fprintf(a.Stderr, "  %s\n", f.Hint)
		}
	}
}

func (a *app) warn(format string, args ...any) {
	if a.flags.asJSON {
		a.log.Warn(fmt.Sprintf(format, args...))
		return
	}
	fmt.Fprintf(a.Stderr, "warning: %s\n", strings.TrimSpace(fmt.Sprintf(format, args...)))
}
