package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/keeper"
	"keepsake/internal/restore"
)

// asks reports whether a person is there to type the target's name.
func (a *app) asks() bool {
	return !a.flags.asJSON && terminal(a.Stdin) && terminal(a.Stderr)
}

// ask shows the plan and has the target's name typed.
func (a *app) ask(c *keeper.Change) error {
	plan := c.Plan()
	if err := a.printReplacePlan(plan); err != nil {
		return err
	}
	if !plan.Production() {
		return nil
	}
	name := plan.TargetName()
	fmt.Fprintf(a.Stderr, "\nType %s to replace it, anything else to leave it: ", name)
	line, err := bufio.NewReader(a.Stdin).ReadString('\n')
	if err != nil && line == "" {
		return fail(keeper.Guard, "", errors.New("nothing was typed; nothing was touched"))
	}
	if strings.TrimRight(line, "\r\n") != name {
		return fail(keeper.Guard, "", fmt.Errorf("that is not %s; nothing was touched", name))
	}
	return c.Agree()
}

// showPlan prints the plan, and a token for it.
func (a *app) showPlan(c *keeper.Change) error {
	token, until, err := c.Issue()
	if err != nil {
		return err
	}
	if a.flags.asJSON {
		return a.printJSON(tokenPlan{c.Plan(), token.Reveal(), until})
	}
	show := a.printReplacePlan
	if c.TakesBack() {
		show = a.printTakeback
	}
	if err := show(c.Plan()); err != nil {
		return err
	}
	a.sayToken(token, until, c.Plan().Production())
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
