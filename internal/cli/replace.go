package cli

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/lock"
	"keepsake/internal/restore"
)

// replacing is one replace, or undo of one, on its way through the guard.
type replacing struct {
	*app
	memory *memoryAt
	flags  restoreFlags
	opts   restore.Options
	dir    string                // where the plan lies
	stale  []*restore.Unfinished // others, of which nothing was committed
}

// replace makes the memory become b, or goes on with the same replace that was
// cut short.
func (a *app) replace(ctx context.Context, m *memoryAt, b *bundle.Bundle, f restoreFlags) error {
	r := &replacing{app: a, memory: m, flags: f, dir: m.restoreDir(b)}
	opts, done, err := m.replaceOptions(b, f)
	if err != nil {
		return err
	}
	r.opts = opts
	return errors.Join(r.carryOut(ctx), done())
}

// replaceOptions adds to a restore's options what a replace needs. What is
// returned beside them closes the audit log.
func (m *memoryAt) replaceOptions(b *bundle.Bundle, f restoreFlags) (restore.Options, func() error, error) {
	opts, err := m.restoreOptions(b, f)
	if err != nil {
		return opts, nil, err
	}
	token, err := parseToken(f.confirm)
	if err != nil {
		return opts, nil, err
	}
	rules, done, err := m.guarded(f.plan || f.dryRun)
	if err != nil {
		return opts, nil, err
	}
	opts.Replace = &restore.Replace{
		Operation: guard.RestoreReplace, Rules: rules, Token: token, PlanOnly: f.plan,
		Force: f.force, AcceptShrink: f.acceptShrink, AllowUnsealed: f.allowUnsealed,
		AcceptDegradedSafety: f.degradedSafety, NoSafety: f.noSafety, InPlace: f.inPlace,
		Safety: m.safety(b, opts.Targets), Room: m.room,
	}
	return opts, done, nil
}

func parseToken(text string) (guard.Token, error) {
	if text == "" {
		return guard.Token{}, nil
	}
	token, err := guard.ParseToken(text)
	if err != nil {
		return token, fail(exitGuard, fmt.Errorf("read --confirm: %w", err), "copy the token whole from the plan")
	}
	return token, nil
}

// carryOut looks, asks where it may, and runs.
func (r *replacing) carryOut(ctx context.Context) error {
	if err := r.goOnWith(); err != nil {
		return err
	}
	asks := r.asks()
	r.opts.Replace.PlanOnly = r.opts.Replace.PlanOnly || asks
	plan, err := restore.Preflight(ctx, r.opts)
	if err != nil {
		return ifInterrupted(err, "nothing was written")
	}
	switch {
	case r.flags.dryRun:
		return r.endDryRun(r.memory, plan)
	case r.flags.plan:
		return r.showPlan(plan)
	}
	r.printFindings(plan.Findings())
	if err := plan.Refusal(); err != nil {
		return errors.Join(r.printRefused(plan), r.memory.refused(err))
	}
	if asks {
		if err := r.ask(plan); err != nil {
			return err
		}
	}
	return r.run(ctx, plan)
}

func (r *replacing) run(ctx context.Context, plan *restore.Plan) error {
	if err := r.memory.adopt(ctx, r.opts.Bundle); err != nil {
		return err
	}
	if err := r.memory.lockTarget(ctx, lock.Exclusive); err != nil {
		return err
	}
	for _, u := range r.stale {
		if err := u.Abandon(r.Now); err != nil {
			return err
		}
	}
	receipt, err := restore.Run(ctx, plan, r.dir)
	r.printDropped(r.memory)
	if receipt != nil { // those of the plan have been printed
		r.printFindings(receipt.Findings[min(len(plan.Findings()), len(receipt.Findings)):])
	}
	return r.endReplace(receipt, err)
}

// goOnWith finds out whether this very replace was begun before. Another one
// whose swap isn't over is in the way; one that had not come so far is given up,
// once this one has leave to run.
func (r *replacing) goOnWith() error {
	pending, err := restore.FindUnfinished(r.memory.restores())
	if err != nil {
		return err
	}
	for _, u := range pending {
		same := u.Bundle == r.opts.Bundle.Path() && string(u.Request) == string(r.opts.Request)
		switch {
		case same && !r.flags.plan:
			r.warn("going on with plan %s, which was begun %s", u.Plan, u.StartedAt.Format(time.RFC3339))
			r.opts.Replace.Resume(u)
			r.dir = u.Dir
		case u.Swapping():
			return unfinished(u)
		default:
			r.stale = append(r.stale, u)
		}
	}
	return nil
}

func unfinished(u *restore.Unfinished) error {
	return fail(exitLocked, fmt.Errorf("plan %s of %s began to replace this memory and has not ended", u.Plan, u.StartedAt.Format(time.RFC3339)),
		"keepsake restore --resume finishes it")
}

// blocked refuses to work on a memory that is half-way between the old and the
// new one.
func (m *memoryAt) blocked() error {
	return m.blockedBut(func(request) bool { return false })
}

// blockedBut lets those pass whose request may go on.
func (m *memoryAt) blockedBut(mayGoOn func(request) bool) error {
	pending, err := restore.FindUnfinished(m.restores())
	if err != nil {
		return err
	}
	for _, u := range pending {
		req, err := parseRequest(u.Request)
		if u.Swapping() && (err != nil || !mayGoOn(req)) {
			return unfinished(u)
		}
	}
	return nil
}

// asks reports whether a person is there to type the target's name.
func (r *replacing) asks() bool {
	return r.flags.confirm == "" && !r.flags.plan && !r.flags.dryRun && !r.app.flags.asJSON &&
		r.opts.Replace.Rules.Environment.Allows() && // else the guard refuses, and says it all
		!r.opts.Replace.Resumed() && terminal(r.Stdin) && terminal(r.Stderr)
}

// ask shows the plan and has the target's name typed. What a terminal gives is
// worth a token: one is issued and handed in.
func (r *replacing) ask(plan *restore.Plan) error {
	if err := r.printReplacePlan(plan); err != nil {
		return err
	}
	if !plan.Production() {
		return nil
	}
	name := plan.TargetName()
	fmt.Fprintf(r.Stderr, "\nType %s to replace it, anything else to leave it: ", name)
	line, err := bufio.NewReader(r.Stdin).ReadString('\n')
	if err != nil && line == "" {
		return fail(exitGuard, errors.New("nothing was typed; nothing was touched"), "")
	}
	if strings.TrimRight(line, "\r\n") != name {
		return fail(exitGuard, fmt.Errorf("that is not %s; nothing was touched", name), "")
	}
	token, _, err := r.opts.Replace.Rules.Issue(rand.Reader, plan.Agreement())
	if err != nil {
		return err
	}
	plan.Confirm(token)
	return nil
}

// showPlan prints the plan, and a token when it could be run.
func (r *replacing) showPlan(plan *restore.Plan) error {
	if err := plan.Refusal(); err != nil {
		r.printFindings(plan.Findings())
		return errors.Join(r.printRefused(plan), r.memory.refused(err))
	}
	token, until, err := r.opts.Replace.Rules.Issue(rand.Reader, plan.Agreement())
	if err != nil {
		return fmt.Errorf("issue token: %w", err)
	}
	if r.app.flags.asJSON {
		return r.printJSON(tokenPlan{plan, token.Reveal(), until})
	}
	r.printFindings(plan.Findings())
	if err := r.printReplacePlan(plan); err != nil {
		return err
	}
	r.sayToken(token, until, plan.Production())
	return nil
}

// sayToken prints a token, and the command that takes it.
func (a *app) sayToken(token guard.Token, until time.Time, production bool) {
	a.say("\nUntil %s, for one run:\n\n  ", until.Local().Format("15:04:05"))
	if production {
		a.say("%s=true \\\n  ", guard.EnvAllow)
	}
	a.say("%s --confirm %s\n", a.command("--plan"), token.Reveal())
}

// command is how this run was typed, but for one flag.
func (a *app) command(without string) string {
	words := []string{"keepsake"}
	for _, arg := range a.Args {
		switch {
		case arg == without:
		case strings.ContainsAny(arg, " \t\"'$&;|<>*?()#~\\") || arg == "":
			words = append(words, "'"+strings.ReplaceAll(arg, "'", `'\''`)+"'")
		default:
			words = append(words, arg)
		}
	}
	return strings.Join(words, " ")
}

// tokenPlan is a plan with the token for it.
type tokenPlan struct {
	plan  *restore.Plan
	token string
	until time.Time
}

// MarshalJSON adds the token to the plan's fields.
func (t tokenPlan) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(t.plan)
	if err != nil {
		return nil, err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	for key, value := range map[string]any{"token": t.token, "expires": t.until.UTC()} {
		if fields[key], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(fields)
}

// room tells of the disk that a path is on, or the deepest part of it that is
// there; for "", of that of the backup root.
func (m *memoryAt) room(path string) (restore.Disk, error) {
	return diskOf(existing(cmp.Or(path, m.root())))
}
