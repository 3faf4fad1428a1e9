package api

import (
	"errors"
	"fmt"
	"net/url"
)

// unreachable drops the URL from a transport's error: its query is nobody's
// business in a log.
func unreachable(err error, connected bool) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if connected {
		return fmt.Errorf("%w: %w: %w", ErrUnreachable, ErrBroken, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
