// Package lint proves that the rules of .golangci.yml fire, and keeps the one
// rule that no linter can express.
package lint
