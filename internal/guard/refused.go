package guard

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"keepsake/internal/memory"
)

// The grounds of a refusal. A RefusedError wraps one or more of them.
var (
	// ErrNoRules: the rules lack a clock, as the zero Rules do.
	ErrNoRules = errors.New("the guard has no rules")
	// ErrNoAudit: the decision could not be written down.
	ErrNoAudit = errors.New("the decision can't be written to the audit log")
	// ErrBadRequest: operation, subsystem, mode and kind of store don't fit.
	ErrBadRequest = errors.New("no such operation on such a target")
	// ErrUnknownTarget: the target could not be looked at.
	ErrUnknownTarget = errors.New("what the target is can't be found out")
	// ErrTargetMoved: something else stands where the target was surveyed.
	ErrTargetMoved = errors.New("the target is no longer what was surveyed")
	// ErrNotMarked: a demo folder without this tool's mark.
	ErrNotMarked = errors.New("the folder does not bear the demo's mark")
	// ErrNoReason: a prune without the reason that policy gave.
	ErrNoReason = errors.New("no reason is given")
	// ErrNotOwn: a prune of something that this tool did not make.
	ErrNotOwn = errors.New("this tool did not make it")
	// ErrNoEnvironment: the first factor is missing.
	ErrNoEnvironment = errors.New("the environment does not allow destroying production")
	// ErrNoToken: the second factor is missing.
	ErrNoToken = errors.New("no token confirms the plan")
	// ErrTokenMalformed: the text is no token.
	ErrTokenMalformed = errors.New("not a token")
	// ErrTokenOther: the token is not for this plan's bundle, targets or operation.
	ErrTokenOther = errors.New("the token is for something else")
	// ErrTokenExpired: the plan was not started in time.
	ErrTokenExpired = errors.New("the token has expired")
	// ErrTokenUsed: another plan was started with it, or its plan is done.
	ErrTokenUsed = errors.New("the token has been used")
	// ErrLossesGrew: more would be lost or changed than was shown.
	ErrLossesGrew = errors.New("more would be lost than was agreed to")
	// ErrNotPermitted is returned by Permit.Covers.
	ErrNotPermitted = errors.New("the permit does not cover this")
)

// RefusedError says what was refused, and why. Reason wraps the Err values above.
type RefusedError struct {
	Operation Operation
	Subsystem memory.Subsystem
	Target    Target
	Class     Class
	Reason    error
	// Hint says what the operator can do.
	Hint string
}

// Error describes the target in full and gives the reason.
func (e *RefusedError) Error() string {
	what := string(e.Operation)
	if what == "" {
		what = "an operation without a name"
	}
	if e.Subsystem != "" {
		what += " in " + string(e.Subsystem)
	}
	return fmt.Sprintf("refuse %s on %s (%s): %s", what, e.Target, e.Class, oneLine(e.Reason))
}

// oneLine puts joined errors on one line.
func oneLine(err error) string {
	if err == nil {
		return "no reason"
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// Unwrap gives errors.Is the reason.
func (e *RefusedError) Unwrap() error { return e.Reason }

const mistake = "this is a mistake in keepsake, not in your command; nothing was changed"

// hint says what to do about the first ground that something can be done about. Where
// that is a flag, who asks has the words for the code.
func (r Rules) hint(reason error) string {
	for _, h := range []struct {
		ground     error
		text, code string
	}{
		{ErrUnknownTarget, "make sure that the target can be reached and read, and that its path is absolute", ""},
		{ErrTargetMoved, "", "target-moved"},
		{ErrNotMarked, "choose another folder, or remove this one by hand", ""},
		{ErrNotOwn, "look at it, and remove it by hand if it should go", ""},
		{ErrNoEnvironment, "", "no-environment"},
		{ErrNoToken, "", "no-token"},
		{ErrTokenMalformed, "copy the token whole from the plan", ""},
		{ErrTokenOther, "", "token-other"},
		{ErrTokenExpired, "", "token-expired"},
		{ErrTokenUsed, "", "token-used"},
		{ErrLossesGrew, "", "losses-grew"},
		{ErrNoRules, mistake, ""},
		{ErrBadRequest, mistake, ""},
		{ErrNoReason, mistake, ""},
		{ErrNoAudit, "make sure that the backup root can be written to", ""},
	} {
		if errors.Is(reason, h.ground) {
			return cmp.Or(h.text, r.Hint.Of(h.code, EnvAllow))
		}
	}
	return ""
}
