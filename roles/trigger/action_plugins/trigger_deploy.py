# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's side of the role: checks the endpoints, renders their files, hands all over at once."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import jinja2
import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

# Through links too, as when the plugin is linked into a collection: the role's files are beside it.
ROLE = Path(__file__).resolve().parent.parent

SHARED_UNITS = (
    "trigger-root.service",
    "trigger@.socket",
    "trigger@.service",
    "trigger-dispatch@.socket",
    "trigger-dispatch@.service",
    "trigger-run@.socket",
    "trigger-run@.service",
    "trigger-fire@.service",
)
DROP_INS = ("trigger@.socket", "trigger@.service", "trigger-run@.service")
FRONTEND_UNITS = ("trigger-frontend.socket", "trigger-frontend.service")
METRICS_UNITS = ("trigger-metrics.socket", "trigger-metrics.service")
EXECUTABLE_STARTS = (b"#!", b"\x7fELF")


def _load(name):
    """A package of the role's plugin_utils; Ansible puts them on no search path."""
    path = ROLE / "plugin_utils" / name
    spec = importlib.util.spec_from_file_location(name, path / "__init__.py", submodule_search_locations=[str(path)])
    sys.modules[name] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return package


trigger_endpoints = _load("trigger_endpoints")
values = trigger_endpoints.checks.values
job_unit = trigger_endpoints.job_unit
host = trigger_endpoints.parameters.host
names = host.names

# Those of the role's files that do not go below the library: where, and with which mode.
ELSEWHERE = {
    "triggerctl": (names.COMMAND, "0755"),
    "triggerctl.8": ("/usr/local/share/man/man8/triggerctl.8", "0644"),
    "triggerctl.bash": ("/usr/local/share/bash-completion/completions/triggerctl", "0644"),
}


class ActionModule(ActionBase):
    """Runs the module trigger_deploy with what it made of its own arguments."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = self._task.args
        specs = specification()
        options = specs["endpoint"]["options"]
        try:
            check_variables(arguments, specs["main"]["options"])
            frontend = prepare_frontend(arguments.get("frontend"), specs["main"]["options"])
            endpoints = trigger_endpoints.prepare(
                arguments.get("endpoints") or [], arguments.get("defaults") or {}, options, self._read_secret, frontend
            )
            jobs = self._jobs(endpoints)
        except trigger_endpoints.Mistakes as mistakes:
            raise AnsibleActionFail("\n".join(["nothing was changed:", *mistakes.messages])) from None
        handed_on = {key: arguments[key] for key in ("state", "purge", "preflight") if key in arguments}
        if arguments.get("preflight"):
            plan = {"endpoints": [_needs(endpoint) for endpoint in endpoints], "frontend": _frontend_needs(frontend)}
        else:
            plan = self._plan(endpoints, jobs, Renderer(options, arguments, frontend))
        return self._execute_module("trigger_deploy", {**handed_on, "plan": json.dumps(plan)}, task_vars=task_vars)

    def _plan(self, endpoints, jobs, renderer):
        """All that the host needs: dict of `shared` files and `endpoints`."""
        present = [endpoint["name"] for endpoint in endpoints if endpoint["state"] != "absent"]
        return {
            "shared": renderer.shared(),
            "version": renderer.version,
            "frontend": renderer.frontend(),
            "endpoints": [
                renderer.endpoint(endpoint, jobs[endpoint["name"]])
                if endpoint["name"] in present
                else {"name": endpoint["name"], "state": "absent"}
                for endpoint in endpoints
            ],
        }

    def _read_secret(self, source):
        """Return a file's content, bytes. Raises ValueError."""
        try:
            return self._read(source)
        except (AnsibleError, OSError) as error:
            raise ValueError(f"{source!r} cannot be read: {error}") from None

    def _read(self, source):
        """Vaulted files are decrypted, as the copy module does. Raises AnsibleError and OSError."""
        return Path(self._loader.get_real_file(self._find(source))).read_bytes()

    def _jobs(self, endpoints):
        """Read the jobs that the role ships: dict of the endpoint's name to bytes, None for a command."""
        jobs, messages = {}, []
        for endpoint in endpoints:
            if endpoint["state"] == "absent":
                continue
            job = endpoint["job"]
            content = None if job["content"] is None else job["content"].encode()
            if job["src"] is not None:
                try:
                    content = self._read(job["src"])
                except (AnsibleError, OSError) as error:
                    messages.append(f"endpoint {endpoint['name']!r}: job.src: {job['src']!r} cannot be read: {error}")
                    continue
                if not content.startswith(EXECUTABLE_STARTS):
                    messages.append(
                        f"endpoint {endpoint['name']!r}: job.src: {job['src']!r} does not begin with #! and is "
                        "not an ELF program, so it could not be executed"
                    )
                elif trigger_endpoints.checks.names_interpreter_with_cr(content):
                    wrong = trigger_endpoints.checks.ENDS_WITH_CR
                    messages.append(f"endpoint {endpoint['name']!r}: job.src: {job['src']!r}: {wrong}")
            jobs[endpoint["name"]] = content
        if messages:
            raise trigger_endpoints.Mistakes(messages)
        return jobs

    def _find(self, source):
        """Search a file as copy does, but not among this role's own. Raises AnsibleError."""
        paths = [path for path in self._task.get_search_path() if Path(path).resolve() != ROLE]
        return self._loader.path_dwim_relative_stack(paths, "files", source)


class Renderer:
    """Makes the files of the host. options: the endpoint's specification. arguments: the module's: systemd, its
    version; ipv6, whether it has that; no_log, whether secrets stay out of diffs; metrics_dir, where metrics go, or
    nothing. frontend: trigger_endpoints.frontend.Frontend, or None."""

    def __init__(self, options: dict[str, Any], arguments: dict[str, Any], frontend: Any) -> None:
        systemd = int(arguments["systemd"])
        self._show_secrets = arguments["no_log"] is not None and not boolean(arguments["no_log"])
        self._metrics_dir = arguments["metrics_dir"]
        self._own_files = {
            str(path.relative_to(ROLE / "files")): path.read_bytes()
            for path in sorted((ROLE / "files").rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }
        self._frontend = frontend
        self._default = {key: option.get("default") for key, option in options.items()}
        self._default["listen"] = f"{names.RUNTIME}/%i.sock"
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(ROLE / "templates"),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters["unit_value"] = values.unit_value
        environment.filters["unit_word"] = values.unit_word
        environment.filters["directives"] = values.directives
        environment.filters["nginx_listen"] = values.nginx_listen
        environment.globals.update(
            managed=names.MANAGED,
            documentation=f"man:systemd.socket(5) file:{names.LIBRARY}/README",
            default=self._default,
            library=names.LIBRARY,
            root=names.ROOT,
            root_parts=names.ROOT_PARTS,
            credentials=names.LOADED_CREDENTIALS,
            spool=names.SPOOL,
            metrics_dir=self._metrics_dir,
            metrics_group=names.METRICS_USER,
            metrics_fifo=host.paths.METRICS_FIFO,
            frontend=frontend,
            refused=trigger_endpoints.frontend.REFUSED,
            accepts=trigger_endpoints.frontend.accepts,
            frontend_user=names.PAGE_USER,
            nginx_group=names.NGINX_GROUP,
            certificate_file=_in_place(frontend and frontend.certificate, names.CERTIFICATE),
            key_file=_in_place(frontend and frontend.key, names.KEY),
            client_ca_file=_in_place(frontend and frontend.client_ca, names.CLIENT_CA),
            common_name=trigger_endpoints.frontend.common_name,
            ipv6=boolean(arguments["ipv6"]),
            systemd=systemd,
        )
        self._templates = environment

    def shared(self) -> list[dict[str, Any]]:
        """The files that all endpoints share, as the module takes them."""
        units = SHARED_UNITS + (METRICS_UNITS if self._metrics_dir else ())
        units += FRONTEND_UNITS if self._frontend else ()
        files = [_file(f"{names.UNITS}/{unit}", self.render(f"etc/systemd/system/{unit}")) for unit in units]
        files.append(_file(f"{names.SYSUSERS}/trigger.conf", self.render("etc/sysusers.d/trigger.conf")))
        for name, content in self._own_files.items():
            place = f"{names.VERSIONS}/{self.version}" if name.startswith("trigger/") else names.LIBRARY
            target, mode = ELSEWHERE.get(name, (f"{place}/{name}", "0644"))
            files.append(_file(target, content, mode, show=False))
        return files

    @property
    def version(self) -> str:
        """The name of this version of the programs: another one where any of them differs."""
        digest = hashlib.sha256()
        for name, content in self._own_files.items():
            if name.startswith("trigger/"):
                digest.update(b"%s\0%d\0%s" % (name.encode(), len(content), content))
        return digest.hexdigest()[:12]

    def frontend(self) -> dict[str, Any] | None:
        """What the front end needs beside units and endpoints, as the module takes it; None where there is none."""
        if self._frontend is None:
            return None
        files = [_file(names.SITE, self.render(names.SITE.lstrip("/")))]
        texts = (
            (names.CERTIFICATE, self._frontend.certificate, "0644"),
            (names.KEY, self._frontend.key, "0600"),
            (names.CLIENT_CA, self._frontend.client_ca, "0644"),
        )
        for path, text, mode in texts:
            if text and not text.startswith("/"):
                show = mode == "0644" or self._show_secrets
                files.append(_file(path, text.strip().encode() + b"\n", mode, show))
        return {
            "files": files,
            "users": self._frontend.users,
            "names": self._frontend.names,
            "is_self_signed": self._frontend.is_self_signed,
            "verifies_clients": bool(self._frontend.client_ca),
            "worker_connections": self._frontend.worker_connections,
            "addresses": _frontend_addresses(self._frontend),
            "serving": [each.port for each in self._frontend.addresses],
            "warnings": self._frontend.warnings,
        }

    def endpoint(self, endpoint: dict[str, Any], job: bytes | None) -> dict[str, Any]:
        """One endpoint as the module takes it. job: None when it is a command."""
        name = endpoint["name"]
        directory = f"{names.CREDENTIALS}/{name}"
        endpoint = {
            **endpoint,
            "credentials_directory": f"{directory}/job",
            "auth_file": f"{directory}/acceptor/auth",
            "may_be_root": job_unit.may_be_root(endpoint),
        }
        files = [
            _file(f"{names.CONFIGURATION}/{name}.json", encoded(self.configuration(endpoint))),
            _file(f"{names.SYSUSERS}/trigger-{name}.conf", self.render("etc/sysusers.d/trigger-NAME.conf", name=name)),
            *(self._drop_in(unit, endpoint) for unit in DROP_INS),
        ]
        if endpoint["door"]:
            files += self._behind_frontend(endpoint)
        if _is_scheduled(endpoint):
            files.append(self._timer(endpoint))
        # A drop-in that says nothing does not exist.
        files = [file for file in files if "/systemd/" not in file["path"] or _says_something(file)]
        if job is not None:
            files.append(_file(f"{names.JOBS}/{name}", job, mode="0755"))
        secrets = {f"{directory}/job/{key}": secret.encode() for key, secret in sorted(endpoint["credentials"].items())}
        if endpoint["guard"]:
            secrets[endpoint["auth_file"]] = encoded(endpoint["guard"])
        files += [_file(path, content, mode="0600", show=self._show_secrets) for path, content in secrets.items()]
        return {
            "name": name,
            "state": endpoint["state"],
            "handoff": endpoint["handoff"],
            "files": files,
            "bind_ipv6_only": endpoint["bind_ipv6_only"],
            "free_bind": str(endpoint["socket"].get("FreeBind", "no")).lower() in ("1", "yes", "true", "on"),
            "addresses": [_address(address) for address in endpoint["addresses"]],
            "on_calendar": endpoint["schedule"]["on_calendar"] if _is_scheduled(endpoint) else [],
        }

    def _timer(self, endpoint):
        schedule = {**endpoint["schedule"], "seconds": values.parse_span(endpoint["schedule"]["randomized_delay"])}
        content = self.render("etc/systemd/system/trigger-fire@NAME.timer", name=endpoint["name"], schedule=schedule)
        return _file(f"{names.UNITS}/{names.Units(endpoint['name']).timer}", content)

    def _drop_in(self, unit, endpoint):
        path = f"{names.UNITS}/{unit.replace('@', '@' + endpoint['name'])}.d/endpoint.conf"
        return _file(path, self.render(f"etc/systemd/system/{unit}.d/endpoint.conf", endpoint=endpoint))

    def _behind_frontend(self, endpoint):
        name, door = endpoint["name"], endpoint["door"]
        variables = {
            "name": name,
            "door": door,
            "pause": door["rate"] and trigger_endpoints.frontend.pause(door["rate"]),
            "handoff": endpoint["handoff"],
            "query_token": any(entry.get("query") or entry.get("verify_token") for entry in endpoint["guard"]),
            "basic": any(entry["kind"] == "basic" for entry in endpoint["guard"]),
            "body_limit": endpoint["bytes"]["body_limit"],
            "request_timeout": endpoint["seconds"]["request_timeout"],
        }
        paths = {f"{names.PROXY_FILES}/{name}.location": "etc/nginx/trigger/NAME.location"}
        if door["rate"]:
            paths[f"{names.PROXY_FILES}/{name}.zone"] = "etc/nginx/trigger/NAME.zone"
        if not endpoint["handoff"]:  # which has no runs that the list could tell of
            unit = f"{FRONTEND_UNITS[1]}.d"
            paths[f"{names.UNITS}/{unit}/{name}.conf"] = f"etc/systemd/system/{unit}/NAME.conf"
        return [_file(path, self.render(template, **variables)) for path, template in paths.items()]

    def configuration(self, endpoint):
        """/etc/trigger/NAME.json: what acceptor, dispatcher and runner need to know."""
        return {
            "description": endpoint["description"] or endpoint["name"],
            "state": endpoint["state"],
            "frontend": endpoint["door"] and _told_of_door(endpoint["door"]),
            "handoff": endpoint["handoff"],
            "path": endpoint["path"],
            "methods": endpoint["methods"],
            "response": endpoint["response"],
            "when_busy": endpoint["when_busy"],
            "queue_limit": endpoint["queue_limit"],
            "debounce": endpoint["seconds"]["debounce"],
            "debounce_max": endpoint["seconds"]["debounce_max"],
            "exclusive": endpoint["exclusive"],
            "max_rate": endpoint["rate"],
            "body_limit": endpoint["bytes"]["body_limit"],
            "linger": endpoint["seconds"]["linger"],
            "request_timeout": endpoint["seconds"]["request_timeout"],
            "auth": [entry["scheme"] for entry in endpoint["guard"]],
            "allow_from": endpoint["allow_from"],
            "allow_origins": endpoint["allow_origins"],
            "replay_window": endpoint["seconds"]["replay_window"],
            "parameters": endpoint["declared"],
            "known_names": endpoint["known_names"],
            "only_if": endpoint["conditions"],
            "pass_headers": endpoint["pass_headers"],
            "body": endpoint["body"],
            "body_type": endpoint["body_type"],
            "command": endpoint["command"],
            "exec_limit": endpoint["exec_limit"],
            "job_user": endpoint["user"],
            "job_files": [
                *(f"{endpoint['credentials_directory']}/{name}" for name in sorted(endpoint["credentials"])),
                *job_unit.read_files(endpoint["service"], endpoint["name"]),
            ],
            "job_linger": endpoint["seconds"]["job_linger"],
            "timeout": _or_none(endpoint["seconds"]["timeout"]),
            "wait": endpoint["seconds"]["wait"],
            "stream": endpoint["stream"],
            "output": endpoint["output"],
            "output_limit": endpoint["bytes"]["output_limit"],
            "runs_api": endpoint["runs_api"],
            "on_success": endpoint["on_success"],
            "on_failure": endpoint["on_failure"],
            "schedule": _told_of_schedule(endpoint["schedule"]) if _is_scheduled(endpoint) else None,
            "metrics": bool(self._metrics_dir),
            "keep_runs": endpoint["keep_runs"],
            "keep_for": _or_none(endpoint["seconds"]["keep_for"]),
        }

    def render(self, path: str, **variables: object) -> bytes:
        """What becomes of the template of a file on the host."""
        return self._templates.get_template(f"{path}.j2").render(**variables).encode()


def _needs(endpoint):
    """What a preflight looks up or tries on the host."""
    needs = {key: endpoint.get(key) for key in ("name", "state", "user", "group")}
    patterns = [parameter["pattern"] for parameter in endpoint.get("declared") or []]
    patterns += [condition["matches"] for condition in endpoint.get("conditions") or []]
    return {**needs, "patterns": [pattern for pattern in patterns if pattern is not None]}


def check_variables(arguments: dict[str, Any], options: dict[str, Any]) -> None:
    """Those that need no more than a look, by the names of the module's arguments. Ansible's own check of a role lets
    text pass for a list and a dict. Raises trigger_endpoints.Mistakes."""
    given = {key: arguments[key] for key in ("endpoints", "defaults") if arguments.get(key)}
    # What stands in the place of a list or a dict may hold a secret.
    options = {key: {**options[f"trigger_{key}"], "no_log": True} for key in given}
    wrong = list(trigger_endpoints.specification.wrong_shapes(given, options))
    metrics_dir = str(arguments.get("metrics_dir") or "/")
    if not (metrics_dir.startswith("/") and metrics_dir.isprintable()):
        wrong.append(f"metrics_dir: {metrics_dir!r} is not an absolute path")
    if wrong:
        raise trigger_endpoints.Mistakes([f"trigger_{text}" for text in wrong])


def prepare_frontend(given: dict[str, Any] | None, options: dict[str, Any]) -> Any:
    """The front end as trigger_endpoints takes it. given: trigger_frontend*, without that prefix. Raises
    trigger_endpoints.Mistakes."""
    if not given or given["enabled"] is None or not boolean(given["enabled"]):
        return None
    options = {key[len("trigger_frontend_") :]: option for key, option in options.items() if "trigger_frontend_" in key}
    settings = {key: value for key, value in given.items() if key in options}
    settings, wrong = trigger_endpoints.specification.complete(settings, options)
    if wrong:
        raise trigger_endpoints.Mistakes([_of_variable(text, options) for text in wrong])
    return trigger_endpoints.frontend.Frontend(settings)


def _of_variable(text, options):
    """A message that begins with the option, or, as Ansible's own do, with words."""
    begins = any(text.startswith((f"{key}:", f"{key}.", f"{key}[")) for key in options)
    return f"trigger_frontend_{text}" if begins else f"trigger_frontend_*: {text}"


def _frontend_needs(frontend):
    """What a preflight looks for on the host."""
    return frontend and {"is_self_signed": frontend.is_self_signed, "addresses": _frontend_addresses(frontend)}


def _frontend_addresses(frontend):
    """All that nginx listens on for it."""
    return [_address(each) for each in frontend.addresses + frontend.redirects]


def _told_of_door(door):
    """What the host's programs are told of a door, dict."""
    told = {key: door[key] for key in ("location", "users", "methods", "page")}
    if door["allow_from"] is not None:
        told["allow_from"] = door["allow_from"]
    if door["shows_runs"] and not door["page"]:
        told["shows_runs"] = True
    more = {key: door[key] for key in ("viewers", "group", "confirm")}
    return {**told, **{key: value for key, value in more.items() if value}}


def _is_scheduled(endpoint):
    """Whether it has a timer."""
    return endpoint["schedule"] is not None and endpoint["state"] == "present"


def _told_of_schedule(schedule):
    """What the host's programs are told of a schedule; the rest is the timer's."""
    return {key: schedule[key] for key in ("on_calendar", "parameters")}


def _in_place(given, path):
    """A file of the host's own, or the one that the role writes."""
    return given if given and given.startswith("/") else path


def _or_none(seconds):
    """Seconds as JSON has them, None for infinity."""
    return None if seconds == float("inf") else seconds


def _address(address):
    """An address as the module takes it. address: values.Address."""
    return {
        "text": address.text,
        "host": str(address.host) if address.host else None,
        "family": address.host.version if address.host else 6,
        "port": address.port,
        "path": address.path,
    }


def specification() -> dict[str, Any]:
    """The role's argument_specs, by their entry points."""
    return yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]


def _says_something(file):
    return b"\n[" in base64.b64decode(file["content"])


def _file(path, content, mode="0644", show=True):
    return {"path": path, "content": base64.b64encode(content).decode(), "mode": mode, "show": show}


def encoded(value: object) -> bytes:
    """A value as the host reads it, JSON."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
