package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

type restoreFlags struct {
	keeper.Restore

	mode, proof string
	as, to      map[string]string
	records     bool
	resume      bool
}

func (a *app) restoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore [BUNDLE]",
		Short: "Put a bundle back: add what is missing, and prove it",
		Long: `Checks every row of the bundle, then adds the rows that the memory lacks, then
reads every row back and compares. Rows that live are kept as they are; nothing
is removed. BUNDLE is a path, a name, or "latest": with that, and with --at,
each part of the memory comes from the newest bundle that has it good. Running
it twice is running it once.

With --mode replace the memory becomes the bundle. A plan is shown first
(--plan), with what would be lost and a token; the run wants that token
(--confirm) and NEO_ALLOW_PRODUCTION_DESTRUCTIVE=true in the environment. What
is replaced is bundled before, and "keepsake undo" puts it back. A run that was
cut short is finished by the same command, or by --resume.`,
		Example: `  keepsake restore latest --dry-run
  keepsake restore latest
  keepsake restore --at 2026-11-20T00:00:00Z --only mc
  keepsake restore latest --only mc/memory --as mc/memory=memories-of-friday
  keepsake restore latest --mode replace --force --plan`,
		GroupID: "main",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Name = strings.Join(args, "")
			return a.restore(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.mode, "mode", "merge", "merge: add what is missing; replace: become the bundle")
	flags.BoolVarP(&f.DryRun, "dry-run", "n", false, "check everything, print what would be done, and write nothing")
	flags.StringSliceVar(&f.Only, "only", nil, "restore only these subsystems or `sections`: kb,mc/memory")
	flags.StringToStringVar(&f.as, "as", nil, "restore `section=collection`: into a collection of another name")
	flags.StringToStringVar(&f.to, "to", nil, "restore `section=STORE`: into another store")
	flags.StringSliceVar(&f.FilterLabels, "filter-labels", nil, "leave out graph nodes with these `labels`, and their edges")
	flags.StringSliceVar(&f.FilterEdgeTypes, "filter-edge-types", nil, "leave out graph edges of these `types`")
	flags.StringVar(&f.At, "at", "", "the newest bundle that is not younger than this `time` (RFC 3339)")
	flags.StringVar(&f.proof, "proof", "full", "how to prove the rows: full (with vectors), ids")
	flags.BoolVar(&f.records, "records", false, "list the rows that differ, are missing or were rejected")
	flags.BoolVar(&f.Strict, "exit-code", false, "end with 9 when a row lives in another version, and was kept")
	flags.BoolVar(&f.ForceTopology, "force-topology-mismatch", false, "restore a unified bundle into a federated memory, or the reverse")
	flags.BoolVar(&f.ForceMemory, "force-memory", false, "restore the bundle of another memory")
	flags.BoolVar(&f.AllowEmpty, "allow-empty", false, "accept an older bundle, without meta, that has no rows in kb, mc or graph")
	f.replaceFlags(flags)
	a.latestFlags(flags)
	return cmd
}

// replaceFlags are those that only a replace has.
func (f *restoreFlags) replaceFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&f.PlanOnly, "plan", false, "replace: show what would be lost, and a token for --confirm")
	flags.StringVar(&f.Token, "confirm", "", "replace: the `token` of the plan")
	flags.BoolVar(&f.Force, "force", false, "replace: though the target holds rows")
	flags.BoolVar(&f.AcceptShrink, "accept-shrink", false, "replace: though far fewer rows would be left, or a section isn't whole")
	flags.BoolVar(&f.AllowUnsealed, "allow-unsealed", false, "replace: by a bundle that keepsake did not seal")
	flags.BoolVar(&f.DegradedSafety, "accept-degraded-safety", false, "replace: a damaged memory, whose safety bundle can't be whole")
	flags.BoolVar(&f.NoSafety, "no-safety-bundle", false, "replace: a disposable target without a safety bundle")
	flags.BoolVar(&f.InPlace, "in-place", false, "replace: row by row, so that collections keep their ids")
	flags.BoolVar(&f.resume, "resume", false, "finish the replace or undo that was cut short")
}

func (a *app) restore(ctx context.Context, f restoreFlags) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	f.Asks, f.Mode, f.Proof = a.asks(), restore.Mode(f.mode), store.Proof(f.proof)
	if f.As, err = sections("as", f.as); err != nil {
		return err
	}
	if f.To, err = sections("to", f.to); err != nil {
		return err
	}
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	defer m.Close()
	if f.resume {
		return a.resume(ctx, m, f)
	}
	j, err := m.RestoreWhole(ctx, f.Restore)
	if err != nil {
		return err
	}
	if j.Several() {
		return errors.Join(a.carryOutAll(ctx, m, j, f), j.Close())
	}
	return errors.Join(a.carryOut(ctx, m, j.Changes[0], f), j.Close())
}

// resume finishes what was cut short.
func (a *app) resume(ctx context.Context, m *keeper.Memory, f restoreFlags) error {
	c, err := m.Resume(ctx, f.Consent)
	if err != nil {
		return err
	}
	if c != nil {
		return errors.Join(a.carryOut(ctx, m, c, restoreFlags{}), c.Close())
	}
	a.say("Nothing to resume: no replace is unfinished.\n")
	if a.flags.asJSON {
		return a.printJSON(map[string]any{"resumed": false})
	}
	return nil
}

// carryOut shows a restore or an undo, has it agreed to, and runs it, as far as was
// asked for.
func (a *app) carryOut(ctx context.Context, m *keeper.Memory, c *keeper.Change, f restoreFlags) error {
	plan := c.Plan()
	if f.DryRun {
		return a.endDryRun(ctx, c, f)
	}
	refusal := c.Refusal()
	if refusal != nil || !c.TakesBack() {
		a.printFindings(plan.Findings())
	}
	if refusal != nil {
		return errors.Join(a.printRefused(plan), refusal)
	}
	if f.PlanOnly {
		return a.showPlan(c)
	}
	if c.Asks() {
		if err := a.ask(c); err != nil {
			return err
		}
	}
	r, err := c.Run(ctx)
	a.printDropped(m)
	if r == nil {
		return err
	}
	if plan.Mode() == restore.ModeReplace && !c.TakesBack() { // those of the plan have been printed
		a.printFindings(r.Findings[min(len(plan.Findings()), len(r.Findings)):])
	}
	err = errors.Join(a.printReceipt(r, c, f), err)
	a.printNotices(r)
	return err
}

func (a *app) printReceipt(r *restore.Receipt, c *keeper.Change, f restoreFlags) error {
	switch {
	case a.flags.quiet:
		return nil
	case a.flags.asJSON:
		return a.printJSON(r)
	case c.TakesBack():
		return a.printTakenBack(r, c)
	case c.Plan().Mode() == restore.ModeReplace:
		return a.printReplaced(r)
	}
	return a.printRestore(r, f)
}

func (f *restoreFlags) check() error {
	name, replaces := f.Name, f.mode == string(restore.ModeReplace)
	switch {
	case f.resume && (name != "" || f.At != "" || f.PlanOnly || f.DryRun || f.Token != ""):
		return usage(errors.New("--resume finishes what was begun: name no bundle, plan or token beside it"))
	case f.resume:
		return nil
	case !replaces && f.mode != string(restore.ModeMerge):
		return usage(fmt.Errorf("--mode %q is neither merge nor replace", f.mode))
	case replaces && f.Strict:
		return usage(errors.New("--exit-code goes with a merge: a replace keeps no row that lives in another version"))
	case !replaces && f.replaceOnly() != "":
		return usage(fmt.Errorf("%s goes with --mode replace only", f.replaceOnly()))
	case f.PlanOnly && f.Token != "":
		return usage(errors.New("--plan makes a token, --confirm takes one: not both"))
	case f.proof != string(store.ProofFull) && f.proof != string(store.ProofIDs):
		return usage(fmt.Errorf("--proof %q is neither full nor ids", f.proof))
	case name == "" && f.At == "":
		return usage(errors.New("which bundle? name one, or say latest"))
	case name != "" && f.At != "":
		return usage(errors.New("--at chooses the bundle: name none beside it"))
	}
	if f.At != "" {
		if _, err := time.Parse(time.RFC3339, f.At); err != nil {
			return usage(fmt.Errorf("--at %q is no time of the form 2026-11-20T00:00:00Z", f.At))
		}
	}
	return nil
}

// replaceOnly names a flag that was given and that a merge doesn't have.
func (f *restoreFlags) replaceOnly() string {
	for flag, given := range map[string]bool{
		"--plan": f.PlanOnly, "--confirm": f.Token != "", "--force": f.Force, "--accept-shrink": f.AcceptShrink,
		"--allow-unsealed": f.AllowUnsealed, "--accept-degraded-safety": f.DegradedSafety,
		"--no-safety-bundle": f.NoSafety, "--in-place": f.InPlace,
	} {
		if given {
			return flag
		}
	}
	return ""
}

// printRefused gives --json its document when nothing was done.
func (a *app) printRefused(plan *restore.Plan) error {
	if !a.flags.asJSON {
		return nil
	}
	return a.printJSON(plan)
}

// endDryRun goes through what would be done, says it, and ends as that would.
func (a *app) endDryRun(ctx context.Context, c *keeper.Change, f restoreFlags) error {
	plan, foreseen := c.Plan(), c.Foresee(ctx)
	if a.flags.asJSON {
		if err := a.printJSON(plan); err != nil {
			return err
		}
	} else if err := a.printDryRun(plan, f); err != nil {
		return err
	}
	switch err := c.Refusal(); {
	case err != nil:
		return err
	case plan.Foreseen() != nil && groundOf(foreseen) == keeper.Incomplete:
		return end(keeper.Incomplete) // it was said
	case foreseen == nil && plan.Incomplete():
		return end(keeper.Incomplete)
	}
	return foreseen
}

func (a *app) printDryRun(plan *restore.Plan, f restoreFlags) error {
	a.printFindings(plan.Findings())
	r := plan.Foreseen()
	switch {
	case len(plan.Sections()) == 0:
		return nil
	case a.flags.quiet && r != nil:
		a.printNotices(r)
		return nil
	case a.flags.quiet:
		return nil
	case plan.Mode() == restore.ModeReplace:
		return a.printReplacePlan(plan)
	}
	a.say("A restore now would merge:\n\n")
	columns := []string{"rows", "there now"}
	if r != nil {
		columns = append(columns, "add", "same", "differ", "not in")
	}
	if err := a.printPlaced(columns, wouldMerge(plan, r)); err != nil || r == nil {
		return err
	}
	a.printRows(r, f.records)
	a.say("\n%s\n", r.Headline)
	a.printNotices(r)
	return nil
}

// wouldMerge are the sections of a merge that is only looked into; r is what it would
// come to, nil where nobody has foreseen it.
func wouldMerge(plan *restore.Plan, r *restore.Receipt) (all []placed) {
	type would struct {
		restore.Section

		account restore.Account
	}
	var sections []would
	for i, s := range plan.Sections() {
		one := would{Section: s}
		if r != nil {
			one.account = *r.Sections[i].Account
		}
		sections = append(sections, one)
	}
	calm := func(s would) bool {
		return isFile(s.Survey.Locator) && s.account.Differs == 0 && s.account.In() == s.account.Asked
	}
	for _, g := range gather(sections, func(s would) memory.Section { return s.Spec.Name }, calm) {
		of := func(n func(would) int64) string { return quantity.Count(g.sum(n)) }
		live := "absent"
		if slices.ContainsFunc(g.sections, func(s would) bool { return s.Survey.Exists }) {
			live = of(func(s would) int64 { return s.Survey.Rows })
		}
		cells := []string{of(func(s would) int64 { return s.Spec.Rows }), live}
		if r != nil {
			cells = append(cells, of(func(s would) int64 { return s.account.Added }), of(func(s would) int64 { return s.account.Same }),
				of(func(s would) int64 { return s.account.Differs }), of(func(s would) int64 { return s.account.Asked - s.account.In() }))
		}
		at := g.sections[0].Survey.Locator
		if len(g.sections) > 1 {
			at.Path = folderOf(at.Path, g.sections[0].Spec.Name)
		}
		all = append(all, placed{memory.Section(g.name), cells, at})
	}
	return all
}

func (a *app) printRestore(r *restore.Receipt, f restoreFlags) error {
	a.say("%s merged\n\n", r.Bundle)
	t := &table{
		header: []string{"section", "rows", "added", "same", "differs", "removed", "not in", "state"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true},
	}
	calm := func(s restore.SectionReceipt) bool {
		return isFile(s.Target) && s.State == restore.StateDone && s.Account.Differs+s.Account.Removed == 0
	}
	for _, g := range gather(r.Sections, func(s restore.SectionReceipt) memory.Section { return s.Section }, calm) {
		of := func(n func(restore.Account) int64) string {
			return quantity.Count(g.sum(func(s restore.SectionReceipt) int64 { return n(*s.Account) }))
		}
		t.add(g.name, of(func(a restore.Account) int64 { return a.Asked }), of(func(a restore.Account) int64 { return a.Added }),
			of(func(a restore.Account) int64 { return a.Same }), of(func(a restore.Account) int64 { return a.Differs }),
			of(func(a restore.Account) int64 { return a.Removed }),
			of(func(a restore.Account) int64 { return a.Asked - a.In() }), string(g.sections[0].State))
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	a.printRows(r, f.records)
	a.say("\n%s\n", r.Headline)
	a.say("Receipt: %s\n", a.relative(r.Dir))
	return nil
}

// printDropped says what the filters left out: nothing goes unmentioned.
func (a *app) printDropped(m *keeper.Memory) {
	if d := m.Dropped(); d.Nodes+d.Edges+d.Ends > 0 {
		fmt.Fprintf(a.Stderr, "note: the filters left out %s by label, %s by type, and %s that lost an end\n",
			quantity.Plural(d.Nodes, "node"), quantity.Plural(d.Edges, "edge"), quantity.Plural(d.Ends, "edge"))
	}
}

// printNotices prints what must be known of a restore beside how it ended: also under
// --quiet, but for notes.
func (a *app) printNotices(r *restore.Receipt) {
	for _, f := range r.Notices {
		if a.flags.asJSON || f.Level == memory.Note && a.flags.quiet {
			continue // they are in the document
		}
		text := f.String()
		if f.Hint != "" {
			text += "; " + f.Hint
		}
		fmt.Fprintf(a.Stderr, "%s: %s\n", f.Level, text)
	}
}

// printRows names rows: those that are not in always, the others when asked.
func (a *app) printRows(r *restore.Receipt, all bool) {
	for _, s := range r.Sections {
		for _, o := range []store.Outcome{store.Missing, store.Rejected, store.Differs, store.Removed} {
			if !all && o != store.Missing && o != store.Rejected {
				continue
			}
			for _, row := range s.Rows[o] {
				fmt.Fprintf(a.Stderr, "%s %s: %s: %s\n", o, s.Section, row.ID, row.Reason)
			}
		}
	}
}
