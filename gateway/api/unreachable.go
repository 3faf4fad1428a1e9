package api

import (
	"errors"
	"fmt"
	"net/url"
)

// unreachable drops the URL from a transport's error: its query is nobody's
// business in a log.
func unreachable(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
