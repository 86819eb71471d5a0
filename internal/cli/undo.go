package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/keeper"
	"keepsake/internal/lock"
	"keepsake/internal/restore"
)

type undoFlags struct {
	plan    bool
	confirm string
}

func (a *app) undoCommand() *cobra.Command {
	var f undoFlags
	cmd := &cobra.Command{
		Use:   "undo [RECEIPT]",
		Short: "Take the last restore back, or the one named",
		Long: `Puts back what a replace replaced, from its safety bundle or from the
collections that it kept aside; or takes out the rows that a merge added, those
that nobody has changed since. RECEIPT is the folder of a restore, or its name;
without one it is the last restore that changed anything.

It goes through the same guard as a replace: --plan shows what would be lost
and gives a token, --confirm takes it.`,
		Example: `  keepsake undo --plan
  NEO_ALLOW_PRODUCTION_DESTRUCTIVE=true keepsake undo --confirm TOKEN`,
		GroupID: "main",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			return a.undo(cmd.Context(), name, f)
		},
	}
	cmd.Flags().BoolVar(&f.plan, "plan", false, "show what would be lost, and a token for --confirm")
	cmd.Flags().StringVar(&f.confirm, "confirm", "", "the `token` of the plan")
	return cmd
}

func (a *app) undo(ctx context.Context, name string, f undoFlags) error {
	if f.plan && f.confirm != "" {
		return usage(errors.New("--plan makes a token, --confirm takes one: not both"))
	}
	m, err := a.memory(false)
	if err != nil {
		return err
	}
	defer m.release()
	if !f.plan {
		if err := errors.Join(m.lockRoot(ctx, lock.Exclusive), m.lockTarget(ctx, lock.Exclusive)); err != nil {
			return err
		}
	}
	if err := m.blockedBut(func(r request) bool { return r.Undoes != "" }); err != nil {
		return err // also where the receipt that is looked for is that of the unfinished one
	}
	r, err := m.receipt(a, name)
	if err != nil {
		return err
	}
	if r.Mode == restore.ModeReplace {
		return a.undoReplace(ctx, m, r.Dir, f)
	}
	if r.Undo {
		return fail(exitFailed, fmt.Errorf("%s took rows of a merge out: there is nothing to undo in it", filepath.Base(r.Dir)),
			"restore the bundle again: keepsake restore "+r.Bundle)
	}
	return a.undoMerge(ctx, m, r, f)
}

// receipt finds the restore that a person named: a folder, its name, or nothing
// for the last.
func (m *memoryAt) receipt(a *app, name string) (r *restore.Receipt, err error) {
	switch {
	case name == "":
		r, err = restore.LatestReceipt(m.restores())
	case strings.ContainsAny(name, `/\`):
		if !filepath.IsAbs(name) {
			name = filepath.Join(a.Dir, name)
		}
		if filepath.Base(name) == "receipt.json" {
			name = filepath.Dir(name)
		}
		r, err = restore.LoadReceipt(name)
	default:
		r, err = restore.LoadReceipt(filepath.Join(m.restores(), name))
	}
	if errors.Is(err, restore.ErrNothingToUndo) {
		return nil, fail(exitNotFound, err, "receipts are in "+m.restores())
	}
	return r, err
}

// undoReplace puts back what the replace of a receipt replaced.
func (a *app) undoReplace(ctx context.Context, m *memoryAt, dir string, f undoFlags) error {
	receipt, err := restore.LoadReceipt(dir)
	if err != nil {
		return err
	}
	if receipt.Safety == "" {
		return fail(exitNotFound, errors.New("nothing was there before that replace, so there is nothing to put back"), "")
	}
	safety, err := bundle.Open(receipt.Safety, bundle.Limits{})
	if err != nil {
		return fail(exitNotFound, fmt.Errorf("open safety bundle: %w", err), "retention removes it after safety_days, unless it is pinned")
	}
	r := &replacing{app: a, memory: m, dir: m.restoreDir(safety)}
	opts, done, err := m.undoOptions(receipt, safety, f)
	if err != nil {
		return err
	}
	r.opts, r.flags = opts, restoreFlags{plan: f.plan, confirm: f.confirm}
	return errors.Join(r.carryOut(ctx), done())
}

// undoOptions are those of a replace by the safety bundle, at the places that the
// restore wrote to.
func (m *memoryAt) undoOptions(r *restore.Receipt, safety *bundle.Bundle, f undoFlags) (restore.Options, func() error, error) {
	req, err := requestOf(r)
	if err != nil {
		return restore.Options{}, nil, err
	}
	flags := restoreFlags{
		mode: "replace", proof: "full", as: req.As, to: req.To, plan: f.plan, confirm: f.confirm,
		force: true, acceptShrink: true, forceTopology: true, forceMemory: true, inPlace: req.InPlace, allowEmpty: true,
		degradedSafety: true,
	}
	opts, done, err := m.replaceOptions(safety, flags)
	if err != nil {
		return opts, nil, err
	}
	opts.Replace.Operation = guard.Undo
	opts.Replace.Undoes = filepath.Base(r.Dir)
	opts.Replace.Back, opts.Replace.Vacate = r.Back(keeper.Kinds())
	opts.Request = request{Bundle: safety.Path(), Undoes: opts.Replace.Undoes}.encode()
	return opts, done, nil
}

// requestOf reads what a replace was asked for, from its plan. An undo went to the
// places of what it took back, which may have been an undo itself.
func requestOf(r *restore.Receipt) (request, error) {
	seen := map[string]bool{}
	for dir := r.Dir; ; {
		text, err := restore.PlannedRequest(dir)
		if err != nil {
			return request{}, err
		}
		req, err := parseRequest(text)
		if err != nil || req.Undoes == "" {
			return req, err
		}
		if dir = filepath.Join(filepath.Dir(dir), req.Undoes); seen[dir] {
			return request{}, fmt.Errorf("read what was asked for: %s is the undo of itself", req.Undoes)
		}
		seen[dir] = true
	}
}

// undoMerge takes out the rows that a merge added.
func (a *app) undoMerge(ctx context.Context, m *memoryAt, r *restore.Receipt, f undoFlags) error {
	if err := m.blocked(); err != nil {
		return err
	}
	b, err := bundle.Open(r.Path, bundle.Limits{})
	if err != nil {
		return fail(exitNotFound, fmt.Errorf("open the bundle that was merged: %w", err), "rows are compared with it before they are taken out: put it back to "+r.Path)
	}
	token, err := parseToken(f.confirm)
	if err != nil {
		return err
	}
	rules, done, err := m.guarded(f.plan)
	if err != nil {
		return err
	}
	targets, err := m.mergedInto(r, b)
	if err != nil {
		return errors.Join(err, done())
	}
	t, err := restore.PreflightTakeback(ctx, restore.TakebackOptions{
		Receipt: r, Bundle: b, Targets: targets, Rules: rules, Token: token, PlanOnly: f.plan, Progress: a.progress(), Clock: a.Now,
	})
	if err != nil {
		return errors.Join(ifInterrupted(err, "nothing was written"), done())
	}
	return errors.Join(a.carryOutTakeback(ctx, m, t, rules, f), done())
}

func (a *app) carryOutTakeback(ctx context.Context, m *memoryAt, t *restore.Takeback, rules guard.Rules, f undoFlags) error {
	plan := t.Plan()
	if err := plan.Refusal(); err != nil {
		a.printFindings(plan.Findings())
		return errors.Join(a.printRefused(plan), m.refused(err))
	}
	if f.plan {
		return a.showTakeback(plan, rules)
	}
	r, err := t.Run(ctx, m.restoreDir(plan.Bundle()))
	if perr := a.printTakenBack(r); perr != nil {
		return errors.Join(err, perr)
	}
	if err != nil {
		return fail(0, err, "what was taken out stays out; make a new plan to go on")
	}
	return nil
}

func (a *app) showTakeback(plan *restore.Plan, rules guard.Rules) error {
	token, until, err := rules.Issue(rand.Reader, plan.Agreement())
	if err != nil {
		return fmt.Errorf("issue token: %w", err)
	}
	if a.flags.asJSON {
		return a.printJSON(tokenPlan{plan, token.Reveal(), until})
	}
	a.say("An undo now would take these rows out, unless they have changed:\n\n")
	var sections []placed
	for _, s := range plan.Sections() {
		sections = append(sections, placed{s.Spec.Name, []string{count(s.Survey.Rows), count(s.Difference.Lost)}, s.Survey.Locator})
	}
	if err := a.printPlaced([]string{"live", "lost"}, sections); err != nil {
		return err
	}
	a.sayToken(token, until, plan.Production())
	return nil
}

func (a *app) printTakenBack(r *restore.Receipt) error {
	if r == nil || a.flags.quiet {
		return nil
	}
	if a.flags.asJSON {
		return a.printJSON(r)
	}
	a.say("The merge of %s was taken back\n\n", r.Bundle)
	t := &table{
		header: []string{"section", "taken out", "changed since, kept", "gone already", "rows", "state"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true},
	}
	for _, s := range r.Sections {
		if d := s.TakenBack; d != nil {
			t.add(string(s.Section), count(d.Removed), count(d.Kept), count(d.Gone), count(d.Rows), string(s.State))
		}
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	a.say("Receipt: %s\n", a.relative(r.Dir))
	return nil
}

// mergedInto makes the targets that a merge wrote to, from its receipt: they may
// have been named by flags.
func (m *memoryAt) mergedInto(r *restore.Receipt, b *bundle.Bundle) ([]restore.Target, error) {
	text, err := restore.PlannedRequest(r.Dir)
	if err != nil {
		return nil, err
	}
	req, err := parseRequest(text)
	if err != nil {
		return nil, err
	}
	as, err := parseSections("as", req.As)
	if err != nil {
		return nil, err
	}
	return m.targets(b, as, req.To)
}
