"""Logging in with an account at the organisation's own identity provider (OpenID Connect), code flow with PKCE.

Needs the extra ``oidc`` (Authlib). What is asked of the provider goes the one way out, so a provider in your own
network is named in ``http.allow_private``.
"""

import asyncio
import importlib.util
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from monitor.config import Config
from monitor.errors import FetchError, SheriffwatchError
from monitor.http import Web
from monitor.http.faults import explain
from monitor.http.transport import guarded_transport

SIGNED_BY = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures with a key that only the provider has; ``none`` and those with a shared secret are not taken."""
LEEWAY_S = 60
"""How far the provider's clock may be from ours."""
_MOST_ANSWER = 200_000


class IdentityError(SheriffwatchError):
    """The provider did not say who this is, or not so that it can be believed."""


@dataclass(frozen=True)
class Begun:
    """What the browser holds while somebody is at the provider."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Identity:
    """Who somebody is to the provider."""

    subject: str
    """``issuer#subject``: never another person's, however names change."""
    name: str
    """How the provider calls them; empty when it does not say."""


def available() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("authlib") is not None


async def discover(config: Config) -> dict[str, Any]:
    """What the provider says of itself. Raises IdentityError when it cannot be asked, or calls itself otherwise."""
    if not available():
        raise IdentityError("The extra “oidc” is not installed: pip install 'sheriffwatch[oidc]'.")
    async with Web(config.http) as web:
        provider = await _json(web, f"{config.oidc.issuer.rstrip('/')}/.well-known/openid-configuration")
    if provider.get("issuer") != config.oidc.issuer:
        raise IdentityError("The provider calls itself otherwise than oidc.issuer does. Ask an admin to mend it.")
    return provider


def begin(config: Config, provider: Mapping[str, Any], redirect_uri: str) -> tuple[str, Begun]:
    """The provider's address to send a browser to, and what is needed when it comes back."""
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    begun = Begun(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
    address = prepare_grant_uri(
        _text(provider, "authorization_endpoint"),
        config.oidc.client_id,
        "code",
        redirect_uri=redirect_uri,
        scope="openid profile",
        state=begun.state,
        nonce=begun.nonce,
        code_challenge=create_s256_code_challenge(begun.verifier),
        code_challenge_method="S256",
    )
    return str(address), begun


async def finish(
    config: Config, provider: Mapping[str, Any], begun: Begun, redirect_uri: str, returned: Mapping[str, str]
) -> Identity:
    """Who came back from the provider with these parameters. Raises IdentityError when that is not certain."""
    if not secrets.compare_digest(returned.get("state", "").encode(), begun.state.encode()):
        raise IdentityError("This answer does not belong to a log-in begun in this browser. Begin again.")
    if returned.get("error") or not returned.get("code"):
        raise IdentityError("The provider did not let you in.")
    if returned.get("iss", config.oidc.issuer) != config.oidc.issuer:
        raise IdentityError("The answer came from another provider.")
    async with Web(config.http) as web:
        token = await _exchange(config, provider, redirect_uri, returned["code"], begun.verifier)
        keys = await _json(web, _text(provider, "jwks_uri"))
    claims = _claims(token, keys, config, provider, begun.nonce)
    name = next((str(claims[key]) for key in ("name", "preferred_username") if claims.get(key)), "")
    return Identity(f"{config.oidc.issuer}#{claims['sub']}", name)


async def _json(web: Web, url: str) -> dict[str, Any]:
    try:
        answer = await web.get(url, headers={"accept": "application/json"})
        answer.raise_for_status()
        found = answer.json()
    except FetchError as error:
        raise IdentityError(f"The identity provider does not answer: {error}") from None
    if not isinstance(found, dict):
        raise IdentityError("The identity provider's answer cannot be read.")
    return found


async def _exchange(
    config: Config, provider: Mapping[str, Any], redirect_uri: str, code: str, verifier: str
) -> Mapping[str, Any]:
    """The tokens for the code. No redirect is followed: it would carry the secret elsewhere."""
    from authlib.oauth2.rfc6749.parameters import prepare_token_request

    url = _text(provider, "token_endpoint")
    form = prepare_token_request("authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=verifier)
    methods = provider.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    secret = config.oidc.client_secret.get_secret_value()
    auth = None
    if secret and "client_secret_basic" in methods:
        auth = httpx.BasicAuth(config.oidc.client_id, secret)
    else:
        own = {"client_id": config.oidc.client_id, **({"client_secret": secret} if secret else {})}
        form = f"{form}&{httpx.QueryParams(own)}"
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": config.http.user_agent,
    }
    transport = guarded_transport(config.http, config.http.guard())
    try:
        async with (
            asyncio.timeout(config.http.deadline_s),
            httpx.AsyncClient(transport=transport, trust_env=False, timeout=config.http.deadline_s) as client,
            client.stream("POST", url, content=form, headers=headers, auth=auth) as answer,
        ):
            body = b""
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > _MOST_ANSWER:
                    raise IdentityError("The identity provider's answer is too large.")
            token = json.loads(body) if answer.status_code == 200 else None
    except (httpx.HTTPError, TimeoutError, OSError) as error:
        raise IdentityError(f"The identity provider does not answer: {explain(error, httpx.URL(url).host)}") from None
    except ValueError:
        token = None
    if not isinstance(token, dict):
        raise IdentityError("The provider did not take the answer it had given. Begin again.")
    return token


def _claims(
    token: Mapping[str, Any], keys: Mapping[str, Any], config: Config, provider: Mapping[str, Any], nonce: str
) -> Mapping[str, Any]:
    """What the ID token says, once its signature, issuer, audience, time and nonce are right."""
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    offered = provider.get("id_token_signing_alg_values_supported") or ["RS256"]
    algorithms = sorted(SIGNED_BY & {str(name) for name in offered})
    wanted = {
        "iss": {"essential": True, "values": [config.oidc.issuer]},
        "aud": {"essential": True, "values": [config.oidc.client_id]},
        "sub": {"essential": True},
    }
    about = {"nonce": nonce, "client_id": config.oidc.client_id, "access_token": token.get("access_token")}
    try:
        key_set = KeySet.import_key_set(keys)  # type: ignore[arg-type]
        signed = jwt.decode(str(token.get("id_token") or ""), key_set, algorithms=algorithms)
        claims = CodeIDToken(signed.claims, signed.header, wanted, about)
        claims.validate(leeway=LEEWAY_S)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise IdentityError(f"What the provider says of you cannot be believed ({type(error).__name__}).") from None
    if not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255:
        raise IdentityError("The provider does not say who you are.")
    return dict(claims)


def _text(provider: Mapping[str, Any], key: str) -> str:
    value = provider.get(key)
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise IdentityError(f"The identity provider does not tell its {key}.")
    return value
