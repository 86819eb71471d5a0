package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"keepsake/internal/bundle"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

type restoreFlags struct {
	mode            string
	dryRun          bool
	only            []string
	as              map[string]string
	to              map[string]string
	filterLabels    []string
	filterEdgeTypes []string
	at              string
	proof           string
	records         bool
	forceTopology   bool
	forceMemory     bool
	allowEmpty      bool

	plan           bool
	confirm        string
	force          bool
	acceptShrink   bool
	allowUnsealed  bool
	degradedSafety bool
	noSafety       bool
	inPlace        bool
	resume         bool
}

func (a *app) restoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore [BUNDLE]",
		Short: "Put a bundle back: add what is missing, and prove it",
		Long: `Checks every row of the bundle, then adds the rows that the memory lacks, then
reads every row back and compares. Rows that live are kept as they are; nothing
is removed. BUNDLE is a path, a name, or "latest". Running it twice is running
it once.

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
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			return a.restore(cmd.Context(), name, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.mode, "mode", "merge", "merge: add what is missing; replace: become the bundle")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "check everything, print what would be done, and write nothing")
	flags.StringSliceVar(&f.only, "only", nil, "restore only these subsystems or `sections`: kb,mc/memory")
	flags.StringToStringVar(&f.as, "as", nil, "restore `section=collection`: into a collection of another name")
	flags.StringToStringVar(&f.to, "to", nil, "restore `section=STORE`: into another store")
	flags.StringSliceVar(&f.filterLabels, "filter-labels", nil, "leave out graph nodes with these `labels`, and their edges")
	flags.StringSliceVar(&f.filterEdgeTypes, "filter-edge-types", nil, "leave out graph edges of these `types`")
	flags.StringVar(&f.at, "at", "", "the newest bundle that is not younger than this `time` (RFC 3339)")
	flags.StringVar(&f.proof, "proof", "full", "how to prove the rows: full (with vectors), ids")
	flags.BoolVar(&f.records, "records", false, "list the rows that differ, are missing or were rejected")
	flags.BoolVar(&f.forceTopology, "force-topology-mismatch", false, "restore a unified bundle into a federated memory, or the reverse")
	flags.BoolVar(&f.forceMemory, "force-memory", false, "restore the bundle of another memory")
	flags.BoolVar(&f.allowEmpty, "allow-empty", false, "accept an older bundle, without meta, that has no rows in kb, mc or graph")
	f.replaceFlags(flags)
	a.latestFlags(flags)
	return cmd
}

// replaceFlags are those that only a replace has.
func (f *restoreFlags) replaceFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&f.plan, "plan", false, "replace: show what would be lost, and a token for --confirm")
	flags.StringVar(&f.confirm, "confirm", "", "replace: the `token` of the plan")
	flags.BoolVar(&f.force, "force", false, "replace: though the target holds rows")
	flags.BoolVar(&f.acceptShrink, "accept-shrink", false, "replace: though far fewer rows would be left, or a section isn't whole")
	flags.BoolVar(&f.allowUnsealed, "allow-unsealed", false, "replace: by a bundle that keepsake did not seal")
	flags.BoolVar(&f.degradedSafety, "accept-degraded-safety", false, "replace: a damaged memory, whose safety bundle can't be whole")
	flags.BoolVar(&f.noSafety, "no-safety-bundle", false, "replace: a disposable target without a safety bundle")
	flags.BoolVar(&f.inPlace, "in-place", false, "replace: row by row, so that collections keep their ids")
	flags.BoolVar(&f.resume, "resume", false, "finish the replace or undo that was cut short")
}

func (a *app) restore(ctx context.Context, name string, f restoreFlags) error {
	if err := f.check(name); err != nil {
		return err
	}
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	defer m.release()
	if err := m.lockForRestore(ctx, f); err != nil {
		return err
	}
	if f.resume {
		return a.resume(ctx, m)
	}
	b, err := a.openToRestore(ctx, m, name, f.at, !f.dryRun && !f.plan)
	if err != nil {
		return ifInterrupted(err, "nothing was written")
	}
	if f.mode == string(restore.ModeReplace) {
		return a.replace(ctx, m, b, f)
	}
	if err := m.blocked(); err != nil {
		return err
	}
	opts, err := m.restoreOptions(b, f)
	if err != nil {
		return err
	}
	plan, err := restore.Preflight(ctx, opts)
	if err != nil {
		return ifInterrupted(err, "nothing was written")
	}
	if f.dryRun {
		return a.endDryRun(m, plan)
	}
	a.printFindings(plan.Findings())
	if err := plan.Refusal(); err != nil {
		return errors.Join(a.printRefused(plan), m.refused(err))
	}
	if err := m.adopt(ctx, b); err != nil {
		return err
	}
	if err := m.lockTarget(ctx, lock.Exclusive); err != nil {
		return err
	}
	receipt, err := restore.Run(ctx, plan, m.restoreDir(b))
	a.printDropped(m)
	return a.endRestore(receipt, err, f)
}

func (f *restoreFlags) check(name string) error {
	replaces := f.mode == string(restore.ModeReplace)
	switch {
	case f.resume && (name != "" || f.at != "" || f.plan || f.confirm != ""):
		return usage(errors.New("--resume finishes what was begun: name no bundle, plan or token beside it"))
	case f.resume:
		return nil
	case !replaces && f.mode != string(restore.ModeMerge):
		return usage(fmt.Errorf("--mode %q is neither merge nor replace", f.mode))
	case !replaces && f.replaceOnly() != "":
		return usage(fmt.Errorf("%s goes with --mode replace only", f.replaceOnly()))
	case f.plan && f.confirm != "":
		return usage(errors.New("--plan makes a token, --confirm takes one: not both"))
	case f.proof != string(store.ProofFull) && f.proof != string(store.ProofIDs):
		return usage(fmt.Errorf("--proof %q is neither full nor ids", f.proof))
	case name == "" && f.at == "":
		return usage(errors.New("which bundle? name one, or say latest"))
	case name != "" && f.at != "":
		return usage(errors.New("--at chooses the bundle: name none beside it"))
	}
	if f.at != "" {
		if _, err := time.Parse(time.RFC3339, f.at); err != nil {
			return usage(fmt.Errorf("--at %q is no time of the form 2026-11-20T00:00:00Z", f.at))
		}
	}
	return nil
}

// replaceOnly names a flag that was given and that a merge doesn't have.
func (f *restoreFlags) replaceOnly() string {
	for flag, given := range map[string]bool{
		"--plan": f.plan, "--confirm": f.confirm != "", "--force": f.force, "--accept-shrink": f.acceptShrink,
		"--allow-unsealed": f.allowUnsealed, "--accept-degraded-safety": f.degradedSafety,
		"--no-safety-bundle": f.noSafety, "--in-place": f.inPlace,
	} {
		if given {
			return flag
		}
	}
	return ""
}

// refused gives a preflight's refusal its exit code.
func (m *memoryAt) refused(err error) error {
	var r *restore.RefusedError
	if !errors.As(err, &r) {
		return err
	}
	codes := map[restore.Ground]int{
		restore.GroundBundle: exitNotVerified, restore.GroundStore: exitStore,
		restore.GroundTopology: exitMismatch, restore.GroundDimension: exitMismatch,
		restore.GroundMemory: exitNotEmpty, restore.GroundNotEmpty: exitNotEmpty, restore.GroundShrink: exitNotEmpty,
		restore.GroundSwap: exitLocked, restore.GroundGuard: exitGuard, restore.GroundRoom: exitNoRoom,
	}
	hint := ""
	if r.Ground == restore.GroundStore && m.misplaced() {
		hint = hintMisplaced
	}
	return fail(codes[r.Ground], err, hint)
}

// printRefused gives --json its document when nothing was done.
func (a *app) printRefused(plan *restore.Plan) error {
	if !a.flags.asJSON {
		return nil
	}
	return a.printJSON(plan)
}

func (a *app) endDryRun(m *memoryAt, plan *restore.Plan) error {
	if a.flags.asJSON {
		if err := a.printJSON(plan); err != nil {
			return err
		}
	} else if err := a.printDryRun(plan); err != nil {
		return err
	}
	if err := plan.Refusal(); err != nil {
		return m.refused(err)
	}
	if plan.Incomplete() {
		return end(exitIncomplete)
	}
	return nil
}

func (a *app) printDryRun(plan *restore.Plan) error {
	a.printFindings(plan.Findings())
	switch {
	case a.flags.quiet || len(plan.Sections()) == 0:
		return nil
	case plan.Mode() == restore.ModeReplace:
		return a.printReplacePlan(plan)
	}
	a.say("A restore now would merge:\n\n")
	var sections []placed
	for _, s := range plan.Sections() {
		live := "absent"
		if s.Survey.Exists {
			live = count(s.Survey.Rows)
		}
		sections = append(sections, placed{s.Spec.Name, []string{count(s.Spec.Rows), live}, s.Survey.Locator})
	}
	return a.printPlaced([]string{"rows", "there now"}, sections)
}

func (a *app) endRestore(r *restore.Receipt, err error, f restoreFlags) error {
	if r != nil {
		if perr := a.printRestore(r, f); perr != nil {
			return errors.Join(err, perr)
		}
	}
	switch {
	case errors.Is(err, bundle.ErrChanged):
		return fail(exitNotVerified, err, "the bundle changed while it was read: check the disk, then verify it")
	case err != nil:
		return fail(0, err, "what was added stays: the same command goes on from there")
	case !r.Complete:
		return fail(exitIncomplete, errors.New("restore incomplete: some rows are not in"),
			"each is named in "+r.Dir+"; it is safe to run the same command again")
	}
	return nil
}

func (a *app) printRestore(r *restore.Receipt, f restoreFlags) error {
	if a.flags.asJSON {
		return a.printJSON(r)
	}
	if a.flags.quiet {
		return nil
	}
	a.say("%s merged\n\n", r.Bundle)
	t := &table{
		header: []string{"section", "rows", "added", "same", "differs", "removed", "not in", "state"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true},
	}
	var added int64
	calm := func(s restore.SectionReceipt) bool {
		return isFile(s.Target) && s.State == restore.StateDone && s.Differs+s.Removed == 0
	}
	for _, g := range gather(r.Sections, func(s restore.SectionReceipt) memory.Section { return s.Section }, calm) {
		of := func(n func(restore.SectionReceipt) int64) string { return count(g.sum(n)) }
		added += g.sum(func(s restore.SectionReceipt) int64 { return s.Added })
		t.add(g.name, of(func(s restore.SectionReceipt) int64 { return s.Records }), of(func(s restore.SectionReceipt) int64 { return s.Added }),
			of(func(s restore.SectionReceipt) int64 { return s.Same }), of(func(s restore.SectionReceipt) int64 { return s.Differs }),
			of(func(s restore.SectionReceipt) int64 { return s.Removed }),
			of(func(s restore.SectionReceipt) int64 { return s.Missing + s.Rejected }), string(g.sections[0].State))
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	a.printRows(r, f.records)
	if added == 0 && r.Complete {
		a.say("\nNothing to do: every row was in already.\n")
	} else if r.Complete {
		a.say("\nEvery row was read back%s: all are in.\n", proofWords(f.proof))
	}
	a.say("Receipt: %s\n", a.relative(r.Dir))
	return nil
}

// printDropped says what the filters left out: nothing goes unmentioned.
func (a *app) printDropped(m *memoryAt) {
	if d := m.dropped; d.Nodes+d.Edges+d.Ends > 0 {
		fmt.Fprintf(a.Stderr, "note: the filters left out %s by label, %s by type, and %s that lost an end\n",
			plural(d.Nodes, "node"), plural(d.Edges, "edge"), plural(d.Ends, "edge"))
	}
}

func proofWords(proof string) string {
	if proof == string(store.ProofIDs) {
		return " by its id only"
	}
	return " and compared"
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

// parseSections checks the keys of --as and --to.
func parseSections(flag string, values map[string]string) (map[memory.Section]string, error) {
	out := map[memory.Section]string{}
	for key, value := range values {
		s := memory.Section(key)
		if s.Name() == "" || value == "" || strings.Count(key, "/") != 1 {
			return nil, usage(fmt.Errorf("--%s %s=%s: want a section like mc/memory, and a value", flag, key, value))
		}
		out[s] = value
	}
	return out, nil
}
