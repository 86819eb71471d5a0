package cli

import (
	"context"
	"errors"

	"keepsake/internal/guard"
)

// allow asks the guard for leave to destroy one target. This is the only place
// where its rules are made.
func (a *app) allow(ctx context.Context, audit string, req guard.Request) (guard.Permit, error) {
	log, err := guard.OpenAudit(audit)
	if err != nil {
		return guard.Permit{}, err
	}
	rules := guard.Rules{Environment: guard.ReadEnvironment(a.LookupEnv), Now: a.Now, Audit: log}
	permit, err := rules.AssertDestructiveTargetAllowed(ctx, req)
	return permit, errors.Join(err, log.Close())
}
