package chroma

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	longestPause = 5 * time.Second
	// A server that wants to be left alone for longer is down, for us.
	longestRetryAfter = 2 * time.Minute
)

// retry calls op until it succeeds, fails in a way that no later try mends (as
// judge says, or op itself by backoff.Permanent), or has failed tries times. It
// returns the last error of op, or the context's.
func (c *client) retry(ctx context.Context, tries int, op func() error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = c.pause
	pauses.MaxInterval = longestPause
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = op()
		return struct{}{}, judge(last)
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(uint(max(1, tries))), backoff.WithMaxElapsedTime(0))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	var final *backoff.PermanentError
	if errors.As(last, &final) {
		return final.Err
	}
	return last
}

// judge says what is to be done about an error: nothing (permanent), or another
// try, after the time that the server asks for if it does.
func judge(err error) error {
	var final *backoff.PermanentError
	if err == nil || errors.As(err, &final) {
		return err
	}
	var answer *StatusError
	var unanswered *transportError
	var malformed *malformedError
	switch {
	case errors.As(err, &answer):
		return judgeStatus(answer)
	case errors.As(err, &unanswered):
		var certificate *tls.CertificateVerificationError
		if errors.As(err, &certificate) {
			return backoff.Permanent(err)
		}
		return err
	case errors.As(err, &malformed):
		return err
	}
	return backoff.Permanent(err)
}

func judgeStatus(e *StatusError) error {
	busy := e.Status == http.StatusTooManyRequests ||
		e.Status >= 500 && e.Status != http.StatusNotImplemented && !e.indexError()
	switch {
	case !busy || e.retryAfter > longestRetryAfter:
		return backoff.Permanent(e)
	case e.retryAfter > 0:
		return &backoff.RetryAfterError{Duration: e.retryAfter}
	}
	return e
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(value string, now func() time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(max(0, seconds)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && !now().IsZero() {
		return max(0, at.Sub(now()))
	}
	return 0
}

// silenceWatch ends a request that has not moved a byte for a while. A page may
// take minutes to come over a slow line, so there is no bound on the whole.
type silenceWatch struct {
	timer *time.Timer
	after time.Duration
	end   context.CancelCauseFunc
}

// watchSilence returns a context that ends with a silentError.
func watchSilence(ctx context.Context, after time.Duration) (context.Context, *silenceWatch) {
	ctx, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(after, func() { end(silentError{after}) })
	return ctx, &silenceWatch{timer, after, end}
}

func (w *silenceWatch) stop() {
	w.timer.Stop()
	w.end(context.Canceled)
}

// watchedReader tells a watch of every byte that moves, and keeps the error
// that reading ended with.
type watchedReader struct {
	r     io.Reader
	watch *silenceWatch
	err   error
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.watch.timer.Reset(r.watch.after)
	}
	r.err = err
	return n, err
}
