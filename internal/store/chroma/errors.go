package chroma

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"keepsake/internal/store/rows"
)

// hinted is an error with what the operator can do about it.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// Hint says what the operator can do.
func (e *hinted) Hint() string { return e.hint }

// StatusError is an answer of the server that was not what was asked for.
type StatusError struct {
	Status int
	// Message is what the server said, shortened, without the token.
	Message string

	retryAfter time.Duration
}

// Error returns "404 NotFoundError: Collection [x] does not exist".
func (e *StatusError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%d %s", e.Status, e.Message)
}

// Is has rows.ErrBroken mean what brokenRows says.
func (e *StatusError) Is(target error) bool {
	return target == rows.ErrBroken && e.Status == http.StatusInternalServerError
}

// status returns the status of an answer that was an error, else 0.
func status(err error) int {
	var answer *StatusError
	if errors.As(err, &answer) {
		return answer.Status
	}
	return 0
}

// refusesRows reports whether the server looked at rows and will not take them:
// 501 is what a local server says to a sparse vector.
func refusesRows(err error) bool {
	switch status(err) {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge,
		http.StatusUnprocessableEntity, http.StatusNotImplemented:
		return true
	}
	return false
}

// brokenRows reports whether the server could not give some of the rows that it
// was asked for, and may be able to give the others. It says 500 then; that it
// is busy or down it says otherwise.
func brokenRows(err error) bool {
	return status(err) == http.StatusInternalServerError
}

// indexError reports whether the server's vector index lacks a row, cannot give
// it, or cannot be loaded. No later try helps.
func (e *StatusError) indexError() bool {
	for _, text := range []string{"Error finding id", "Error getting embedding", "Error loading hnsw index"} {
		if e.Status == http.StatusInternalServerError && strings.Contains(e.Message, text) {
			return true
		}
	}
	return false
}

// transportError is a request that got no whole answer.
type transportError struct{ err error }

func (e *transportError) Error() string { return e.err.Error() }
func (e *transportError) Unwrap() error { return e.err }

// malformedError is an answer that is not what the API says. It may have been
// cut by something on the way that does not tell.
type malformedError struct{ err error }

func (e *malformedError) Error() string { return "malformed answer: " + e.err.Error() }
func (e *malformedError) Unwrap() error { return e.err }

// silentError says how long nothing was heard.
type silentError struct{ after time.Duration }

func (e silentError) Error() string { return fmt.Sprintf("no answer within %v", e.after) }

// unanswered reports whether the server gave no answer, rather than a bad one.
func unanswered(err error) bool {
	var transport *transportError
	return errors.As(err, &transport)
}
