package openstack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/user"
	"strconv"
	"time"

	"fermata/testsuite/bed/host"
)

// account owns what MariaDB and RabbitMQ write: neither runs as root.
const account = "nobody"

// own makes a folder for a daemon that gives up root.
func (c *Cloud) own(name string) (string, error) {
	who, err := user.Lookup(account)
	if err != nil {
		return "", err
	}
	uid, err := strconv.Atoi(who.Uid)
	if err != nil {
		return "", err
	}
	gid, err := strconv.Atoi(who.Gid)
	if err != nil {
		return "", err
	}
	folder := c.path(name)
	return folder, errors.Join(os.Mkdir(folder, 0o700), os.Chown(folder, uid, gid))
}

// answers waits until somebody listens at a service's address.
func (c *Cloud) answers(service string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", c.addresses[service])
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

func (c *Cloud) startDatabase(ctx context.Context) error {
	data, err := c.own("mariadb")
	if err != nil {
		return err
	}
	if err := c.run(ctx, nil, "mariadb-install-db", "--no-defaults", "--user="+account, "--datadir="+data, "--skip-test-db", "--auth-root-authentication-method=normal"); err != nil {
		return err
	}
	address, port := c.hostPort("mariadb")
	err = c.start(ctx, "mariadbd", host.Daemon{User: account, Args: []string{
		"mariadbd", "--no-defaults", "--datadir=" + data, "--socket=" + data + "/socket", "--bind-address=" + address, "--port=" + port,
		"--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--max-connections=1000", "--character-set-server=utf8mb3",
	}, Ready: c.answers("mariadb")})
	if err != nil {
		return err
	}
	sql := "CREATE USER bed@'%' IDENTIFIED BY '" + c.secret + "'; GRANT ALL ON *.* TO bed@'%';"
	for _, name := range []string{"keystone", "placement", "glance", "nova_api", "nova_cell0", "nova", "neutron", "cinder"} {
		sql += "CREATE DATABASE " + name + ";"
	}
	return c.sql(ctx, sql)
}

// sql runs statements as the database's administrator.
func (c *Cloud) sql(ctx context.Context, text string) error {
	return c.run(ctx, nil, "mariadb", "--no-defaults", "--user=root", "--socket="+c.path("mariadb", "socket"), "--execute="+text)
}

func (c *Cloud) startQueue(ctx context.Context) error {
	folder, err := c.own("rabbitmq")
	if err != nil {
		return err
	}
	address, port := c.hostPort("rabbitmq")
	distribution, err := everywhere()
	if err != nil {
		return err
	}
	_, mapper := c.hostPort("epmd")
	err = c.start(ctx, "epmd", host.Daemon{User: account, Args: []string{"epmd", "-address", address, "-port", mapper}, Ready: c.answers("epmd")})
	if err != nil {
		return err
	}
	config := fmt.Sprintf("listeners.tcp.1 = %s:%s\nloopback_users = none\ndefault_user = bed\ndefault_pass = %s\n", address, port, c.secret)
	if err := os.WriteFile(folder+"/rabbitmq.conf", []byte(config), 0o644); err != nil { //nolint:gosec // The folder is the account's alone.
		return err
	}
	return c.start(ctx, "rabbitmq", host.Daemon{
		User: account, Args: []string{"/usr/lib/rabbitmq/bin/rabbitmq-server"}, Ready: c.answers("rabbitmq"),
		Env: []string{
			"RABBITMQ_NODENAME=bed@localhost", "RABBITMQ_DIST_PORT=" + distribution, "ERL_EPMD_PORT=" + mapper, "ERL_EPMD_ADDRESS=" + address,
			"RABBITMQ_BASE=" + folder, "RABBITMQ_HOME=/usr/lib/rabbitmq", "RABBITMQ_MNESIA_BASE=" + folder + "/mnesia", "RABBITMQ_LOG_BASE=" + folder + "/log",
			"RABBITMQ_CONFIG_FILE=" + folder + "/rabbitmq.conf", "RABBITMQ_ENABLED_PLUGINS_FILE=" + folder + "/plugins", "RABBITMQ_LOGS=-", "HOME=" + folder,
			"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {" + commas(address) + "}",
		},
	})
}

// everywhere is a port that is free on all addresses, below those that the kernel gives to whoever calls out and below
// host.Address's: RabbitMQ listens on its own address only, but looks at all of them first.
func everywhere() (string, error) {
	for range 100 {
		port := strconv.Itoa(10000 + rand.IntN(10000)) //nolint:gosec // Any free port will do.
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", ":"+port)
		if err == nil {
			return port, l.Close()
		}
	}
	return "", errors.New("no port between 10000 and 20000 is free on all addresses")
}

// commas writes an IPv4 address as Erlang does.
func commas(address string) (text string) {
	for i, b := range net.ParseIP(address).To4() {
		if i > 0 {
			text += ","
		}
		text += strconv.Itoa(int(b))
	}
	return text
}
