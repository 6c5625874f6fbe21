package ec2

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/fault"
)

const (
	// mostRetries is how often one read is asked for again after a rate limit: half a minute with the usual poll.
	mostRetries = 6
	// mostPolls is how many polls the longest of these waits takes.
	mostPolls = 4
	// pageSize is how many objects are asked for at once. Calls without pages have a smaller share of the rate limit.
	pageSize = 1000
)

// call is one of the SDK's methods.
type call[In, Out, Options any] func(context.Context, *In, ...func(*Options)) (*Out, error)

// read asks for something that changes nothing. Polling is what uses a rate limit up, so a read that is throttled waits longer
// and asks again, and one whose connection was closed asks again on another: every request is a POST, which net/http does not
// repeat by itself. A change is the workflow's to repeat.
func read[In, Out, Options any](ctx context.Context, d *Driver, doing string, ask call[In, Out, Options], in *In) (*Out, error) {
	return patiently(ctx, d, func() (*Out, error) {
		out, err := ask(ctx, in)
		return out, translate(err, doing, false)
	})
}

func patiently[T any](ctx context.Context, d *Driver, ask func() (T, error)) (T, error) {
	wait := time.Duration(d.config.Poll)
	for n := 0; ; n++ {
		answer, err := ask()
		if n == 0 && ctx.Err() == nil && closed(err) {
			continue
		}
		if !fault.Is(err, fault.Throttled) || n == mostRetries {
			return answer, err
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, mostPolls*time.Duration(d.config.Poll))
		case <-ctx.Done():
			return answer, err
		}
	}
}

// closed tells whether the connection was closed, as servers do with those that were idle.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// change asks once for something that changes. An attempt that was given up before changes nothing.
func change[In, Out, Options any](ctx context.Context, doing string, ask call[In, Out, Options], in *In) (*Out, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, doing)
	}
	out, err := ask(ctx, in)
	return out, translate(err, doing, true)
}

// pager is what the SDK's paginators have in common.
type pager[Out any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*ec2.Options)) (*Out, error)
}

// all reads every page of a list.
func all[Out, T any](ctx context.Context, d *Driver, pages pager[Out], items func(*Out) []T, what string) (list []T, err error) {
	for pages.HasMorePages() {
		page, err := patiently(ctx, d, func() (*Out, error) {
			page, err := pages.NextPage(ctx)
			return page, translate(err, "listing "+what, false)
		})
		if err != nil {
			return nil, err
		}
		list = append(list, items(page)...)
	}
	return list, nil
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

// until looks again and again until done says so. An object that was just made may not be known yet: NotFound is looked past for
// a while.
func (d *Driver) until(ctx context.Context, doing string, done func() (bool, error)) error {
	since := time.Now()
	return d.wait(ctx, doing, func() (bool, error) {
		good, err := done()
		if fault.Is(err, fault.NotFound) && time.Since(since) < time.Duration(d.config.Settle) {
			return false, nil
		}
		return good, err
	})
}
