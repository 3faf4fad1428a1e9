//go:build !soak

package register

// In the gate TestModel draws a few sequences;
// `go test -tags soak -run TestModel -v ./gateway/register` draws a hundred thousand.
const (
	modelSequences = 100
	modelWorkers   = 2
)
